/*
 * outcome.h: how calls end, assertions, checked arithmetic.
 *
 * Every outcome is a type that must be looked at: enum fh_rc for failing, enum fh_step for
 * advancing. What cannot fail is void.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <assert.h> /* static_assert: a keyword only from GCC 13 on */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FH_NODISCARD goes on functions, FH_NODISCARD_TYPE on enums, whose values must then be looked at
 * wherever a function returns one. What nginx's flags compile is C17 and has only the first. */
#define FH_NODISCARD __attribute__((warn_unused_result))
#if defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L
#    define FH_NODISCARD_TYPE [[nodiscard]]
#else
#    define FH_NODISCARD_TYPE
#endif

#define FH_AUTO(fn)         __attribute__((cleanup(fn)))
#define FH_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define FH_LEN(array)       (sizeof(array) / sizeof((array)[0]))
#define FH_UNUSED(name)     ((void)(name))

/* How a call that can fail ended. FH_TRY passes anything but FH_OK up to the caller. */
enum FH_NODISCARD_TYPE fh_rc {
    FH_OK = 0,
    FH_E_SYNTAX,   /* the bytes do not follow their grammar */
    FH_E_LIMIT,    /* a bound named in the config was reached */
    FH_E_TYPE,     /* right grammar, wrong kind of value */
    FH_E_MISSING,  /* something required is not there */
    FH_E_CHECKSUM, /* bytes and their checksum disagree */
    FH_E_CONFLICT, /* it contradicts what is already recorded */
    FH_E_OVERFLOW, /* a sum left its type */
    FH_E_SUPPORT,  /* understood, and not something we can do */
    FH_E_STORE,    /* the database or the file system refused; the outcome may be unknown */
    FH_E_SYSTEM,   /* the operating system refused; errno says why */
};

#define FH_TRY(expr)                   \
    do {                               \
        enum fh_rc fh_try_rc = (expr); \
        if (fh_try_rc != FH_OK) {      \
            return fh_try_rc;          \
        }                              \
    } while (0)

/* How far a decoder came. */
enum FH_NODISCARD_TYPE fh_step {
    FH_STEP_MORE,  /* feed me */
    FH_STEP_EVENT, /* here is one; call again */
    FH_STEP_ERROR, /* for ever; ask for the reason */
};

/* Why a decoder stopped. `what` is static text, `at` the byte offset in the whole input. */
struct fh_error {
    enum fh_rc code;
    const char *what;
    uint64_t at;
};

/* FH_ASSERT states what we promised ourselves and stays on in production. Input from outside is
 * never asserted. It names the place on stderr and aborts. */
#define FH_ASSERT(claim) ((claim) ? (void)0 : fh_assert_failed(#claim, __FILE__, __LINE__))

/* FH_CHECK_SLOW is an assertion that costs more than the work it guards: tests and fuzzing only. */
#ifdef FH_SLOW_CHECKS
#    define FH_CHECK_SLOW(claim) FH_ASSERT(claim)
#else
#    define FH_CHECK_SLOW(claim) ((void)0)
#endif

_Noreturn void fh_assert_failed(const char *claim, const char *file, int line);

/* fh_rc_name gives the name of an outcome for logs and tests, such as "syntax". */
const char *fh_rc_name(enum fh_rc rc);

static inline size_t fh_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t fh_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* All arithmetic on sizes that came from outside goes through these two. */
FH_NODISCARD static inline bool fh_add_ok(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

FH_NODISCARD static inline bool fh_mul_ok(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
