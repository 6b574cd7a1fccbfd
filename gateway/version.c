/* SPDX-License-Identifier: MIT */

/* The version of the program. */

#include "gateway/version.h"

const char barua_version[] = BARUA_VERSION;
