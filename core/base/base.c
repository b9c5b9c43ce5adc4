/* base.c: how an assertion fails, and the names of outcomes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void fh_assert_failed(const char *claim, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, claim);
    abort();
}

const char *fh_rc_name(enum fh_rc rc)
{
    switch (rc) {
    case FH_OK:
        return "ok";
    case FH_E_SYNTAX:
        return "syntax";
    case FH_E_LIMIT:
        return "limit";
    case FH_E_TYPE:
        return "type";
    case FH_E_MISSING:
        return "missing";
    case FH_E_CHECKSUM:
        return "checksum";
    case FH_E_CONFLICT:
        return "conflict";
    case FH_E_OVERFLOW:
        return "overflow";
    case FH_E_SUPPORT:
        return "unsupported";
    case FH_E_STORE:
        return "store";
    case FH_E_SYSTEM:
        return "system";
    }
    return "?";
}
