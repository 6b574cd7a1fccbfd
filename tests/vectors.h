/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

/**
 * barua_vectors_load:
 * @name: a file below $BARUA_VECTORS (tests/vectors)
 *
 * Returns: the file's JSON value; its text lives as long as the process. Aborts when it cannot be read.
 */
BaruaJson barua_vectors_load (const char *name);

/** The decoded text of member @name of @vector, NUL-terminated; NULL when absent. Lives as long as the process. */
const char *barua_vector_text (BaruaJson vector, const char *name);
