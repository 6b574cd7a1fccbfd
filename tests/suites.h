/* SPDX-License-Identifier: MIT */
#pragma once

#include <check.h>

/** The suite of the executable: every test-NOUN.c defines one; main.c runs it. */
Suite *barua_suite (void);
