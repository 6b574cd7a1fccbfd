/* SPDX-License-Identifier: MIT */
#pragma once

/** The version of this program, as `barua --version` and the monitoring say it.  One variable, so that a program of
 * another version can be linked from the same libraries (tests/http/meson.build). */
extern const char barua_version[];
