/*
 * key_text.h: the texts of a new key. Made from the kernel's random numbers, shown once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/hash.h"

enum {
    FH_KEY_ID_LEN = 4 + 20,     /* key_ and lower-case letters and digits: 100 bits and more */
    FH_KEY_TEXT_LEN = 3 + 43,   /* fh- and letters and digits: 256 bits */
    FH_KEY_AWS_ID_LEN = 20,     /* FHAK and upper-case letters and digits, as AWS's have */
    FH_KEY_AWS_SECRET_LEN = 40, /* letters, digits, "/" and "+", as AWS's have */
};

/* All four with a NUL behind them. */
struct fh_key_text {
    char id[FH_KEY_ID_LEN + 1];
    char key[FH_KEY_TEXT_LEN + 1];
    char aws_id[FH_KEY_AWS_ID_LEN + 1];
    char aws_secret[FH_KEY_AWS_SECRET_LEN + 1];
};

/* fh_key_text_draw makes a new one. Whoever has shown it wipes it: fh_wipe. */
void fh_key_text_draw(struct fh_key_text *out);

/* fh_key_text_hash is what the store finds the key by. */
struct fh_sha256 fh_key_text_hash(const struct fh_key_text *text);
