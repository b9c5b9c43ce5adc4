/* test_http1.c: where an answer ends, however its bytes arrive.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/http1.h"

struct row {
    const char *name;
    struct fh_slice wire;
    const char *want; /* heads with their framing and fields, contents in bars, how it ended */
};

enum { HEAD_MAX = 128 };

#define OK          "HTTP/1.1 200 OK\r\n"
#define CHUNKED     OK "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_SAW "200 keep chunked Transfer-Encoding=chunked; "
#define TEN         "aaaaaaaaaa"

static const struct row rows[] = {
    /* content of a known length */
    {"a length", FH_LIT_INIT(OK "Content-Length: 5\r\n\r\nhello"),
     "200 keep 5 Content-Length=5; |hello| end ok"},
    {"no content", FH_LIT_INIT(OK "content-length:0\r\n\r\n"),
     "200 keep 0 content-length=0; || end ok"},
    {"204 has none", FH_LIT_INIT("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"),
     "204 keep 0 A=b; || end ok"},
    {"304 has none, whatever it says",
     FH_LIT_INIT("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"),
     "304 keep 0 content-length=9; || end ok"},
    {"204 chunked has none",
     FH_LIT_INIT("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "204 keep 0 Transfer-Encoding=chunked; || end ok"},
    {"the same length twice",
     FH_LIT_INIT(OK "Content-Length: 2\r\nContent-Length: 02\r\n\r\nhi"),
     "200 keep 2 Content-Length=2;Content-Length=02; |hi| end ok"},
    {"the same length in a list", FH_LIT_INIT(OK "Content-Length: 2, 2\r\n\r\nhi"),
     "200 keep 2 Content-Length=2, 2; |hi| end ok"},
    {"cut in the content", FH_LIT_INIT(OK "Content-Length: 5\r\n\r\nhel"),
     "200 keep 5 Content-Length=5; |hel closed inside the content@41"},
    {"a length beyond the rest",
     FH_LIT_INIT(OK "Content-Length: 18446744073709551615\r\n\r\nhel"),
     "200 keep 18446744073709551615 Content-Length=18446744073709551615; |hel closed inside "
     "the "
     "content@60"},

    /* until the connection closes */
    {"until close", FH_LIT_INIT(OK "A: b\r\n\r\nhello\r\n"),
     "200 close until_close A=b; |hello\r\n ok"},
    {"until close and empty", FH_LIT_INIT(OK "\r\n"), "200 close until_close  | ok"},

    /* who keeps the connection */
    {"connection: close", FH_LIT_INIT(OK "Connection: Close\r\nContent-Length: 0\r\n\r\n"),
     "200 close 0 Connection=Close;Content-Length=0; || end ok"},
    {"close in a list", FH_LIT_INIT(OK "Connection: foo ,\tclose\r\nContent-Length: 0\r\n\r\n"),
     "200 close 0 Connection=foo ,\tclose;Content-Length=0; || end ok"},
    {"close in the second field",
     FH_LIT_INIT(OK "Connection: foo\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
     "200 close 0 Connection=foo;Connection=close;Content-Length=0; || end ok"},
    {"not quite close", FH_LIT_INIT(OK "Connection: closed\r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 Connection=closed;Content-Length=0; || end ok"},
    {"1.0 closes", FH_LIT_INIT("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"),
     "200 close 1 Content-Length=1; |x| end ok"},
    {"1.0 keeps if it says so",
     FH_LIT_INIT("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx"),
     "200 keep 1 Connection=Keep-Alive;Content-Length=1; |x| end ok"},
    {"close wins",
     FH_LIT_INIT(
         "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n"),
     "200 close 0 Connection=keep-alive, close;Content-Length=0; || end ok"},
    {"1.2 is 1.1", FH_LIT_INIT("HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 Content-Length=0; || end ok"},

    /* interim answers */
    {"continue, then early hints",
     FH_LIT_INIT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
                 "Content-Length: 1\r\n\r\nx"),
     "200 keep 1 Content-Length=1; |x| end ok"},
    {"cut behind an interim one", FH_LIT_INIT("HTTP/1.1 100 Continue\r\n\r\n"),
     "closed before the answer@25"},
    {"a mistake behind an interim one",
     FH_LIT_INIT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 x\r\n\r\n"),
     "syntax: not an HTTP/1 status line@25"},
    {"an interim one wants no content",
     FH_LIT_INIT("HTTP/1.1 100 x\r\nContent-Length: 9\r\n\r\n" OK "Content-Length: 0\r\n\r\n"),
     "200 keep 0 Content-Length=0; || end ok"},
    {"switching protocols", FH_LIT_INIT("HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n"),
     "syntax: protocols switched, and nobody asked@0"},

    /* the status line */
    {"no reason", FH_LIT_INIT("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 Content-Length=0; || end ok"},
    {"no reason, no blank", FH_LIT_INIT("HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n"),
     "599 keep 0 Content-Length=0; || end ok"},
    {"a reason in other letters",
     FH_LIT_INIT("HTTP/1.1 200 \xc3\xa9\t!\r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 Content-Length=0; || end ok"},
    {"a control in the reason", FH_LIT_INIT("HTTP/1.1 200 O\x01K\r\n\r\n"),
     "syntax: control character in the status line@14"},
    {"a bare cr in the reason", FH_LIT_INIT("HTTP/1.1 200 O\rK\r\n\r\n"),
     "syntax: control character in the status line@14"},
    {"another protocol", FH_LIT_INIT("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"http/2", FH_LIT_INIT("HTTP/2.0 200 OK\r\n\r\n"), "syntax: not an HTTP/1 status line@0"},
    {"in lower case", FH_LIT_INIT("http/1.1 200 OK\r\n\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"an empty line in front", FH_LIT_INIT("\r\n" OK "\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"no status", FH_LIT_INIT("HTTP/1.1\r\n\r\n"), "syntax: not an HTTP/1 status line@0"},
    {"two digits", FH_LIT_INIT("HTTP/1.1 20 OK\r\n\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"four digits", FH_LIT_INIT("HTTP/1.1 2000 OK\r\n\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"two blanks", FH_LIT_INIT("HTTP/1.1  200 OK\r\n\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"two digits of version", FH_LIT_INIT("HTTP/1.10 200 OK\r\n\r\n"),
     "syntax: not an HTTP/1 status line@0"},
    {"99", FH_LIT_INIT("HTTP/1.1 099 OK\r\n\r\n"), "syntax: a status outside of 100 to 599@9"},
    {"600", FH_LIT_INIT("HTTP/1.1 600 OK\r\n\r\n"), "syntax: a status outside of 100 to 599@9"},

    /* fields */
    {"blanks around a value", FH_LIT_INIT(OK "a: \t b c\t \r\nContent-Length: \t0 \r\n\r\n"),
     "200 keep 0 a=b c;Content-Length=0; || end ok"},
    {"an empty value", FH_LIT_INIT(OK "a:\r\nb: \r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 a=;b=;Content-Length=0; || end ok"},
    {"colons in a value", FH_LIT_INIT(OK "a::b:\r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 a=:b:;Content-Length=0; || end ok"},
    {"bytes above 127 in a value",
     FH_LIT_INIT(OK "a: \xc3\xa9\xff\r\nContent-Length: 0\r\n\r\n"),
     "200 keep 0 a=\xc3\xa9\xff;Content-Length=0; || end ok"},
    {"bare lf", FH_LIT_INIT("HTTP/1.1 200 OK\na: b\nContent-Length: 1\n\nx"),
     "200 keep 1 a=b;Content-Length=1; |x| end ok"},
    {"mixed line ends", FH_LIT_INIT("HTTP/1.1 200 OK\na: b\r\nContent-Length: 1\n\r\nx"),
     "200 keep 1 a=b;Content-Length=1; |x| end ok"},
    {"folded", FH_LIT_INIT(OK "a: b\r\n c\r\n\r\n"), "syntax: a field folded over lines@23"},
    {"folded with a tab", FH_LIT_INIT(OK "a: b\r\n\tc: d\r\n\r\n"),
     "syntax: a field folded over lines@23"},
    {"folded into the status line", FH_LIT_INIT(OK " a: b\r\n\r\n"),
     "syntax: a field folded over lines@17"},
    {"a blank before the colon", FH_LIT_INIT(OK "Content-Length : 5\r\n\r\n"),
     "syntax: a blank in a field's name@31"},
    {"no colon", FH_LIT_INIT(OK "abc\r\n\r\n"), "syntax: a field without a colon@20"},
    {"no name", FH_LIT_INIT(OK ": x\r\n\r\n"), "syntax: a field without a name@17"},
    {"a name in other letters", FH_LIT_INIT(OK "\xc3\xa9: x\r\n\r\n"),
     "syntax: bad character in a field's name@17"},
    {"nul in a name", FH_LIT_INIT(OK "a\0b: x\r\n\r\n"),
     "syntax: bad character in a field's name@18"},
    {"nul in a value", FH_LIT_INIT(OK "ab: x\0y\r\n\r\n"),
     "syntax: control character in a field's value@22"},
    {"a bare cr in a value", FH_LIT_INIT(OK "a: b\rc: d\r\n\r\n"),
     "syntax: control character in a field's value@21"},
    {"two crs", FH_LIT_INIT(OK "a: b\r\r\n\r\n"),
     "syntax: control character in a field's value@21"},
    {"a cr and no lf", FH_LIT_INIT(OK "\r\r\n\r\n"),
     "syntax: bad character in a field's name@17"},
    {"cut in the head", FH_LIT_INIT(OK "a: b\r\n"), "closed inside the head@23"},
    {"nothing", FH_LIT_INIT(""), "closed before the answer@0"},

    /* lengths that are none */
    {"lengths that differ", FH_LIT_INIT(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
     "syntax: several content-lengths that differ@36"},
    {"lengths that differ in a list", FH_LIT_INIT(OK "Content-Length: 1,2\r\n\r\n"),
     "syntax: several content-lengths that differ@17"},
    {"a sign", FH_LIT_INIT(OK "Content-Length: +1\r\n\r\n"),
     "syntax: content-length is not a number@17"},
    {"negative", FH_LIT_INIT(OK "Content-Length: -1\r\n\r\n"),
     "syntax: content-length is not a number@17"},
    {"hexadecimal", FH_LIT_INIT(OK "Content-Length: 0x1\r\n\r\n"),
     "syntax: content-length is not a number@17"},
    {"junk behind", FH_LIT_INIT(OK "Content-Length: 1 2\r\n\r\n"),
     "syntax: content-length is not a number@17"},
    {"empty", FH_LIT_INIT(OK "Content-Length:\r\n\r\n"),
     "syntax: content-length is not a number@17"},
    {"a comma behind", FH_LIT_INIT(OK "Content-Length: 1,\r\n\r\n"),
     "syntax: content-length is not a number@17"},
    {"too large", FH_LIT_INIT(OK "Content-Length: 18446744073709551616\r\n\r\n"),
     "syntax: content-length is not a number@17"},

    /* codings */
    {"gzip", FH_LIT_INIT(OK "Transfer-Encoding: gzip\r\n\r\n"),
     "unsupported: a transfer-encoding that is not chunked@17"},
    {"gzip and chunked", FH_LIT_INIT(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     "unsupported: a transfer-encoding that is not chunked@17"},
    {"chunked is not last", FH_LIT_INIT(OK "Transfer-Encoding: chunked, gzip\r\n\r\n"),
     "unsupported: a transfer-encoding that is not chunked@17"},
    {"chunked twice",
     FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "syntax: transfer-encoding stands twice@45"},
    {"chunked and another",
     FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
     "syntax: transfer-encoding stands twice@45"},
    {"almost chunked", FH_LIT_INIT(OK "Transfer-Encoding: xchunked\r\n\r\n"),
     "unsupported: a transfer-encoding that is not chunked@17"},
    {"no coding", FH_LIT_INIT(OK "Transfer-Encoding:\r\n\r\n"),
     "unsupported: a transfer-encoding that is not chunked@17"},
    {"chunked and a length",
     FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
     "syntax: both content-length and transfer-encoding@0"},
    {"a length and chunked",
     FH_LIT_INIT(OK "Content-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n"),
     "syntax: both content-length and transfer-encoding@0"},
    {"chunked in 1.0", FH_LIT_INIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "syntax: transfer-encoding in HTTP/1.0@0"},

    /* chunks; the head of these is 47 bytes long */
    {"chunks", FH_LIT_INIT(CHUNKED "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"),
     CHUNKED_SAW "|hello!| end ok"},
    {"none", FH_LIT_INIT(CHUNKED "0\r\n\r\n"), CHUNKED_SAW "|| end ok"},
    {"several zeros", FH_LIT_INIT(CHUNKED "01\r\nx\r\n000\r\n\r\n"), CHUNKED_SAW "|x| end ok"},
    {"a size in hexadecimal",
     FH_LIT_INIT(CHUNKED "1a\r\n" TEN TEN "aaaaaa\r\nA\r\n" TEN "\r\n0\r\n\r\n"),
     CHUNKED_SAW "|" TEN TEN "aaaaaa" TEN "| end ok"},
    {"line ends in a chunk", FH_LIT_INIT(CHUNKED "4\r\n\r\n\r\n\r\n0\r\n\r\n"),
     CHUNKED_SAW "|\r\n\r\n| end ok"},
    {"extensions", FH_LIT_INIT(CHUNKED "1;a=b\r\nx\r\n1;c=\"d; e\"\r\ny\r\n0;\t\r\n\r\n"),
     CHUNKED_SAW "|xy| end ok"},
    {"trailers", FH_LIT_INIT(CHUNKED "1\r\nx\r\n0\r\na: b\r\nc: d\r\n\r\n"),
     CHUNKED_SAW "|x| end ok"},
    {"a size of 64 bits", FH_LIT_INIT(CHUNKED "ffffffffffffffff\r\nx"),
     CHUNKED_SAW "|x closed inside the content@66"},
    {"a size of more", FH_LIT_INIT(CHUNKED "10000000000000000\r\nx"),
     CHUNKED_SAW "|limit: chunk size out of range@63"},
    {"more zeros than there is room for", FH_LIT_INIT(CHUNKED "00000000000000001\r\nx"),
     CHUNKED_SAW "|limit: chunk size out of range@63"},
    {"no size", FH_LIT_INIT(CHUNKED "\r\n"), CHUNKED_SAW "|syntax: expected a chunk size@47"},
    {"no size but an extension", FH_LIT_INIT(CHUNKED ";a\r\n"),
     CHUNKED_SAW "|syntax: expected a chunk size@47"},
    {"a signed size", FH_LIT_INIT(CHUNKED "-1\r\n"),
     CHUNKED_SAW "|syntax: expected a chunk size@47"},
    {"a size with 0x", FH_LIT_INIT(CHUNKED "0x1\r\n"),
     CHUNKED_SAW "|syntax: expected CR LF in the chunked framing@48"},
    {"a blank behind the size", FH_LIT_INIT(CHUNKED "1 \r\nx"),
     CHUNKED_SAW "|syntax: expected CR LF in the chunked framing@48"},
    {"a blank before the size", FH_LIT_INIT(CHUNKED " 1\r\nx"),
     CHUNKED_SAW "|syntax: expected a chunk size@47"},
    {"bare lf behind the size", FH_LIT_INIT(CHUNKED "1\nx"),
     CHUNKED_SAW "|syntax: expected CR LF in the chunked framing@48"},
    {"bare cr behind the size", FH_LIT_INIT(CHUNKED "1\rx"),
     CHUNKED_SAW "|syntax: expected CR LF in the chunked framing@49"},
    {"bare lf behind an extension", FH_LIT_INIT(CHUNKED "1;a\nx"),
     CHUNKED_SAW "|syntax: control character in the chunked framing@50"},
    {"bare cr in an extension", FH_LIT_INIT(CHUNKED "1;a\rb\r\n"),
     CHUNKED_SAW "|syntax: expected CR LF in the chunked framing@51"},
    {"bare lf behind a chunk", FH_LIT_INIT(CHUNKED "1\r\nx\n0\r\n\r\n"),
     CHUNKED_SAW "|xsyntax: expected CR LF in the chunked framing@51"},
    {"cr alone behind a chunk", FH_LIT_INIT(CHUNKED "1\r\nx\r0\r\n\r\n"),
     CHUNKED_SAW "|xsyntax: expected CR LF in the chunked framing@52"},
    {"a chunk longer than it says", FH_LIT_INIT(CHUNKED "1\r\nxy\r\n0\r\n\r\n"),
     CHUNKED_SAW "|xsyntax: expected CR LF in the chunked framing@51"},
    {"a chunk shorter than it says", FH_LIT_INIT(CHUNKED "3\r\nx\r\n0\r\n\r\n"),
     CHUNKED_SAW "|x\r\nsyntax: expected CR LF in the chunked framing@53"},
    {"bare lf behind a trailer", FH_LIT_INIT(CHUNKED "0\r\na: b\n\r\n"),
     CHUNKED_SAW "|syntax: control character in the chunked framing@54"},
    {"bare lf at the end", FH_LIT_INIT(CHUNKED "0\r\n\n"),
     CHUNKED_SAW "|syntax: control character in the chunked framing@50"},
    {"cr alone at the end", FH_LIT_INIT(CHUNKED "0\r\n\rx"),
     CHUNKED_SAW "|syntax: expected CR LF in the chunked framing@51"},
    {"no end", FH_LIT_INIT(CHUNKED "1\r\nx\r\n0\r\n"),
     CHUNKED_SAW "|x closed inside the content@56"},
    {"no last chunk", FH_LIT_INIT(CHUNKED "1\r\nx\r\n"),
     CHUNKED_SAW "|x closed inside the content@53"},

    /* what nobody asked for */
    {"bytes behind a length", FH_LIT_INIT(OK "Content-Length: 1\r\n\r\nxy"),
     "200 keep 1 Content-Length=1; |x| end syntax: bytes behind the message that nobody asked "
     "for@39"},
    {"an answer behind the answer", FH_LIT_INIT(OK "Content-Length: 0\r\n\r\n" OK "\r\n"),
     "200 keep 0 Content-Length=0; || end syntax: bytes behind the message that nobody asked "
     "for@38"},
    {"bytes behind the last chunk", FH_LIT_INIT(CHUNKED "0\r\n\r\n0"),
     CHUNKED_SAW "|| end syntax: bytes behind the message that nobody asked for@52"},
    {"content of a 204", FH_LIT_INIT("HTTP/1.1 204 x\r\n\r\nx"),
     "204 keep 0  || end syntax: bytes behind the message that nobody asked for@18"},

    /* limits: 128 bytes of head here */
    {"127 bytes",
     FH_LIT_INIT(OK "Content-Length: 0\r\na: " TEN TEN TEN TEN TEN TEN TEN TEN "aaaa\r\n\r\n"),
     "200 keep 0 Content-Length=0;a=" TEN TEN TEN TEN TEN TEN TEN TEN "aaaa; || end ok"},
    {"128 bytes",
     FH_LIT_INIT(OK "Content-Length: 0\r\na: " TEN TEN TEN TEN TEN TEN TEN TEN "aaaaa\r\n\r\n"),
     "200 keep 0 Content-Length=0;a=" TEN TEN TEN TEN TEN TEN TEN TEN "aaaaa; || end ok"},
    {"129 bytes",
     FH_LIT_INIT(OK "Content-Length: 0\r\na: " TEN TEN TEN TEN TEN TEN TEN TEN
                    "aaaaaa\r\n\r\n"),
     "limit: head longer than head_max_bytes@0"},
    {"too long and never ending",
     FH_LIT_INIT(TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN),
     "limit: head longer than head_max_bytes@0"},
    {"too long behind an interim one",
     FH_LIT_INIT("HTTP/1.1 100 x\r\n\r\n" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN),
     "limit: head longer than head_max_bytes@18"},
    {"trailers that fit",
     FH_LIT_INIT(CHUNKED "0\r\na: " TEN TEN TEN TEN TEN TEN TEN "\r\nb: cdefg\r\n\r\n"),
     CHUNKED_SAW "|| end ok"},
    {"trailers that do not",
     FH_LIT_INIT(CHUNKED "0\r\na: " TEN TEN TEN TEN TEN TEN TEN "\r\nb: cdefgh\r\n\r\n"),
     CHUNKED_SAW "|limit: chunk extensions or trailers too long@133"},
};

/* A story is what came out, in the order in which it did. */
struct story {
    struct fh_http1_decoder *dec;
    struct fh_buf text;
};

static void tell_head(struct fh_buf *out, const struct fh_http1_head *head)
{
    fh_buf_printf(out, "%u %s ", head->status, head->keep_alive ? "keep" : "close");
    if (head->chunked) {
        fh_buf_append(out, FH_LIT("chunked"));
    } else if (head->until_close) {
        fh_buf_append(out, FH_LIT("until_close"));
    } else {
        fh_buf_u64(out, head->content_length);
    }
    fh_buf_byte(out, ' ');
    for (size_t i = 0; i < head->field_count; i++) {
        fh_buf_append(out, head->field[i].name);
        fh_buf_byte(out, '=');
        fh_buf_append(out, head->field[i].value);
        fh_buf_byte(out, ';');
    }
    fh_buf_append(out, FH_LIT(" |"));
}

static void tell_error(struct story *s)
{
    struct fh_error e = fh_http1_error(s->dec);
    struct fh_http1_event event;

    fh_buf_printf(&s->text, "%s: %s@%llu", fh_rc_name(e.code), e.what,
                  (unsigned long long)e.at);
    assert_int_equal(fh_http1_next(s->dec, &event), FH_STEP_ERROR);
    assert_false(fh_http1_reset(s->dec));
    assert_false(fh_http1_eof(s->dec));
}

/* tell feeds `wire` in pieces of `step` bytes; false when the decoder has failed. */
static bool tell(struct story *s, struct fh_slice wire, size_t step)
{
    struct fh_http1_event event;
    enum fh_step got = FH_STEP_MORE;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        struct fh_slice in = fh_head(wire, fh_min(step, wire.len));

        fh_http1_feed(s->dec, in);
        wire = fh_tail(wire, in.len);
        while ((got = fh_http1_next(s->dec, &event)) == FH_STEP_EVENT) {
            switch (event.kind) {
            case FH_HTTP1_HEAD:
                tell_head(&s->text, event.head);
                break;
            case FH_HTTP1_BODY:
                assert_true(event.body.len > 0);
                assert_true(event.body.ptr >= in.ptr &&
                            event.body.ptr + event.body.len <= in.ptr + in.len);
                fh_buf_append(&s->text, event.body);
                break;
            case FH_HTTP1_END:
                fh_buf_append(&s->text, FH_LIT("| end "));
                break;
            }
        }
    }
    if (got == FH_STEP_ERROR) {
        tell_error(s);
    }
    return got != FH_STEP_ERROR;
}

static void tell_eof(struct story *s)
{
    if (fh_http1_eof(s->dec)) {
        bool ended = fh_ends(fh_buf_slice(&s->text), FH_LIT("end "));

        fh_buf_append(&s->text, ended ? FH_LIT("ok") : FH_LIT(" ok"));
        return;
    }
    struct fh_error e = fh_http1_error(s->dec);

    assert_int_equal(e.code, FH_E_MISSING);
    fh_buf_printf(&s->text, "%s%s@%llu",
                  s->text.len > 0 && s->text.ptr[s->text.len - 1] != '|' ? " " : "", e.what,
                  (unsigned long long)e.at);
}

static struct story story_new(struct fh_arena *arena, uint32_t head_max)
{
    return (struct story){fh_http1_decoder_new(arena, head_max),
                          fh_buf_in_arena(arena, 1 << 16)};
}

static void test_every_cut_tells_the_same_story(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        for (size_t step = 1; step <= fh_max(rows[i].wire.len, 1); step++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
            struct story s = story_new(arena, HEAD_MAX);

            tap_context("%s, in pieces of %zu", rows[i].name, step);
            if (tell(&s, fh_dup(arena, rows[i].wire), step)) {
                tell_eof(&s);
            }
            assert_text(fh_buf_slice(&s.text), rows[i].want);
        }
    }
}

static void test_each_byte_in_a_name(void **state)
{
    static const char tchars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    FH_UNUSED(state);
    for (unsigned c = 0; c < 256; c++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct story s = story_new(arena, HEAD_MAX);
        struct fh_buf wire = fh_buf_in_arena(arena, HEAD_MAX);
        bool good = fh_find(fh_cstr(tchars), (uint8_t)c) < sizeof(tchars) - 1;

        if (c == ':' || c == '\n') {
            continue; /* ends the name, or the line */
        }
        fh_buf_append(&wire, FH_LIT(OK "x"));
        fh_buf_byte(&wire, (uint8_t)c);
        fh_buf_append(&wire, FH_LIT("y: z\r\n\r\n"));
        tap_context("byte %u", c);
        assert_int_equal(tell(&s, fh_buf_slice(&wire), SIZE_MAX), good);
    }
}

/* Values are read eight bytes at a time: a control must be seen wherever it stands. */
static void test_each_byte_at_each_place_in_a_value(void **state)
{
    enum { LEN = 19 };

    FH_UNUSED(state);
    for (unsigned c = 0; c < 256; c++) {
        bool good = (c >= ' ' && c != 0x7f) || c == '\t';

        for (size_t at = 1; at < LEN - 1 && c != '\n'; at++) { /* LF ends the value */
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
            struct story s = story_new(arena, HEAD_MAX);
            struct fh_buf wire = fh_buf_in_arena(arena, HEAD_MAX);
            uint8_t value[LEN];

            memset(value, 'a', LEN);
            value[at] = (uint8_t)c;
            fh_buf_append(&wire, FH_LIT(OK "x:"));
            fh_buf_append(&wire, fh_slice(value, LEN));
            fh_buf_append(&wire, FH_LIT("\r\n\r\n"));
            tap_context("byte %u at %zu", c, at);
            assert_int_equal(tell(&s, fh_buf_slice(&wire), SIZE_MAX), good);
            assert_int_equal(fh_http1_error(s.dec).at, good ? 0 : strlen(OK) + 2 + at);
        }
    }
}

/* many_fields makes a head with `n` fields beside the one for the length. */
static struct fh_slice many_fields(struct fh_arena *arena, size_t n)
{
    struct fh_buf wire = fh_buf_in_arena(arena, 1 << 16);

    fh_buf_append(&wire, FH_LIT(OK "Content-Length: 0\r\n"));
    for (size_t i = 0; i < n; i++) {
        fh_buf_printf(&wire, "x-%zu: %zu\r\n", i, i * i);
    }
    fh_buf_append(&wire, FH_LIT("\r\n"));
    return fh_buf_slice(&wire);
}

static void test_number_of_fields(void **state)
{
    FH_UNUSED(state);
    for (size_t n = FH_HTTP1_FIELDS_MAX - 1; n <= FH_HTTP1_FIELDS_MAX + 1; n++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct fh_http1_decoder *dec = fh_http1_decoder_new(arena, 1 << 14);
        struct fh_http1_event event;

        tap_context("%zu fields", n);
        fh_http1_feed(dec, many_fields(arena, n - 1));
        if (n > FH_HTTP1_FIELDS_MAX) {
            assert_int_equal(fh_http1_next(dec, &event), FH_STEP_ERROR);
            assert_int_equal(fh_http1_error(dec).code, FH_E_LIMIT);
            continue;
        }
        assert_int_equal(fh_http1_next(dec, &event), FH_STEP_EVENT);
        assert_int_equal(event.head->field_count, n);
    }
}

static void test_number_of_interim_answers(void **state)
{
    FH_UNUSED(state);
    for (size_t n = 15; n <= 17; n++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct story s = story_new(arena, HEAD_MAX);
        struct fh_buf wire = fh_buf_in_arena(arena, 1 << 12);

        for (size_t i = 0; i < n; i++) {
            fh_buf_append(&wire, FH_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
        }
        fh_buf_append(&wire, FH_LIT(OK "Content-Length: 0\r\n\r\n"));
        tap_context("%zu interim answers", n);
        assert_int_equal(tell(&s, fh_buf_slice(&wire), 7), n <= 16);
        assert_int_equal(fh_http1_error(s.dec).code, n <= 16 ? FH_OK : FH_E_LIMIT);
    }
}

static void test_length_of_extensions(void **state)
{
    FH_UNUSED(state);
    for (size_t n = 255; n <= 257; n++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct story s = story_new(arena, HEAD_MAX);
        struct fh_buf wire = fh_buf_in_arena(arena, 1 << 12);

        fh_buf_append(&wire, FH_LIT(CHUNKED));
        for (int chunk = 0; chunk < 2; chunk++) { /* the bound is for each of them */
            fh_buf_append(&wire, FH_LIT("1;"));
            for (size_t i = 0; i < n; i++) {
                fh_buf_byte(&wire, 'a');
            }
            fh_buf_append(&wire, FH_LIT("\r\nx\r\n"));
        }
        fh_buf_append(&wire, FH_LIT("0\r\n\r\n"));
        tap_context("extensions of %zu bytes", n);
        assert_int_equal(tell(&s, fh_buf_slice(&wire), 11), n <= 256);
        assert_int_equal(fh_http1_error(s.dec).code, n <= 256 ? FH_OK : FH_E_LIMIT);
    }
}

/* On a kept-alive connection one answer follows another, each in its turn, and the memory of the
 * first serves the others. */
static void test_the_next_answer(void **state)
{
    static const struct fh_slice wires[] = {
        FH_LIT_INIT(CHUNKED "2\r\nhi\r\n0\r\n\r\n"),
        FH_LIT_INIT("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 3\r\n\r\nyou"),
        FH_LIT_INIT("HTTP/1.1 204 x\r\n\r\n"),
        FH_LIT_INIT(OK "Connection: close\r\n\r\nlast"),
    };

    FH_UNUSED(state);
    for (size_t step = 1; step <= wires[0].len; step++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct story s = story_new(arena, HEAD_MAX);
        size_t before = 0;

        tap_context("in pieces of %zu", step);
        for (int round = 0; round < 40; round++) {
            for (size_t i = 0; i < 3; i++) {
                fh_buf_clear(&s.text);
                assert_true(tell(&s, wires[i], step));
                assert_true(fh_http1_reset(s.dec));
                assert_false(fh_http1_reset(s.dec)); /* there is no message to end now */
            }
            before = round == 0 ? fh_arena_used(arena) : before;
            assert_int_equal(fh_arena_used(arena), before);
        }
        fh_buf_clear(&s.text);
        assert_true(tell(&s, wires[3], step));
        assert_false(fh_http1_reset(s.dec));
        assert_true(fh_http1_eof(s.dec));
        assert_false(fh_http1_reset(s.dec));
        assert_text(fh_buf_slice(&s.text), "200 close until_close Connection=close; |last");
    }
}

/* Who resets as soon as END is seen must not take what is waiting for the next answer. */
static void test_no_reset_while_bytes_are_waiting(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_http1_decoder *dec = fh_http1_decoder_new(arena, HEAD_MAX);
    struct fh_http1_event event;

    FH_UNUSED(state);
    fh_http1_feed(dec, FH_LIT(OK "Content-Length: 0\r\n\r\n" OK "Content-Length: 0\r\n\r\n"));
    assert_int_equal(fh_http1_next(dec, &event), FH_STEP_EVENT);
    assert_false(fh_http1_reset(dec));
    assert_int_equal(fh_http1_next(dec, &event), FH_STEP_EVENT);
    assert_int_equal(event.kind, FH_HTTP1_END);
    assert_false(fh_http1_reset(dec));
    assert_int_equal(fh_http1_next(dec, &event), FH_STEP_ERROR);
}

static void test_field(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_http1_decoder *dec = fh_http1_decoder_new(arena, HEAD_MAX);
    struct fh_http1_event event;
    struct fh_slice value = FH_NONE;

    FH_UNUSED(state);
    tap_context("fields");
    fh_http1_feed(dec, FH_LIT(OK "X-Request-ID: 1\r\nx-request-id: 2\r\nEmpty:\r\n\r\n"));
    assert_int_equal(fh_http1_next(dec, &event), FH_STEP_EVENT);
    assert_true(fh_http_field(event.head, FH_LIT("x-request-ID"), &value));
    assert_text(value, "1");
    assert_false(fh_http_field(event.head, FH_LIT("x-request"), &value));
    assert_text(value, "1"); /* untouched */
    assert_true(fh_http_field(event.head, FH_LIT("empty"), &value));
    assert_text(value, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_each_byte_in_a_name),
        cmocka_unit_test(test_each_byte_at_each_place_in_a_value),
        cmocka_unit_test(test_number_of_fields),
        cmocka_unit_test(test_number_of_interim_answers),
        cmocka_unit_test(test_length_of_extensions),
        cmocka_unit_test(test_the_next_answer),
        cmocka_unit_test(test_no_reset_while_bytes_are_waiting),
        cmocka_unit_test(test_field),
    };
    return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
