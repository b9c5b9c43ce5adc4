/*
 * where.h: the files of this installation that go with the program: nginx's module, scripts.
 *
 * Looked for beside the program first, as in a build tree, then where `meson install` puts them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_file {
    FH_FILE_PROGRAM, /* this executable itself */
    FH_FILE_MODULE,  /* ngx_http_freehold_module.so */
    FH_FILE_OBTAIN,  /* the script that brings the local engine */
    FH_FILES,
};

/* fh_where gives the absolute path of a file, as a C string in `arena`; NULL when it is nowhere.
 * Then `tried`, unless it is NULL, lists the places, one a line. */
const char *fh_where(struct fh_arena *arena, enum fh_file file, struct fh_buf *tried);
