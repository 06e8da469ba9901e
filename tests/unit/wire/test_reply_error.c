/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of errors, as Riak's clients know them. */
#include "tap.h"
#include "wire/reply_error.h"

static const struct {
    struct reply reply;
    const char *pb;
    unsigned status;
    const char *http;
} cases[] = {
    {{.err = ERR_NOT_FOUND}, "notfound", 404, "not found\n"},
    {{.err = ERR_TIMEOUT}, "timeout", 503, "request timed out\n"},
    {{.err = ERR_UNKNOWN}, "timeout", 503, "request timed out\n"},
    {{.err = ERR_OVERLOAD}, "overload", 500, "Error:\noverload\n"},
    {{.err = ERR_UNREACHABLE}, "unreachable", 503, "unreachable\n"},
    {{.err = ERR_UNREACHABLE, .text = {(const uint8_t *)"no voters", 9}},
     "no voters",
     503,
     "no voters\n"},
    {{.err = ERR_N_VAL_VIOLATION, .need = 3},
     "{n_val_violation,3}",
     400,
     "Specified w/dw/pw/node_confirms values invalid for bucket n value of 3\n"},
    {{.err = ERR_QUORUM_VIOLATION, .need = 9, .text = {(const uint8_t *)"rw", 2}},
     "{rw_val_violation,9}",
     400,
     "Error:\n{rw_val_violation,9}\n"},
    {{.err = ERR_R_UNSATISFIED, .have = 1, .need = 2},
     "{r_val_unsatisfied,2,1}",
     503,
     "R-value unsatisfied: 1/2\n"},
    {{.err = ERR_PR_UNSATISFIED, .have = 1, .need = 2},
     "{pr_val_unsatisfied,2,1}",
     503,
     "PR-value unsatisfied: 1/2\n"},
    {{.err = ERR_DW_UNSATISFIED, .have = 0, .need = 3},
     "{dw_val_unsatisfied,3,0}",
     503,
     "DW-value unsatisfied: 0/3\n"},
    {{.err = ERR_PW_UNSATISFIED, .have = 2, .need = 3},
     "{pw_val_unsatisfied,3,2}",
     503,
     "PW-value unsatisfied: 2/3\n"},
    {{.err = ERR_NODE_CONFIRMS_UNSATISFIED, .have = 1, .need = 2},
     "{node_confirms_val_unsatisfied,2,1}",
     503,
     "node_confirms-value unsatisfied: 1/2\n"},
    {{.err = ERR_INSUFFICIENT_VNODES, .have = 1, .need = 2},
     "{insufficient_vnodes,1,need,2}",
     500,
     "Error:\n{insufficient_vnodes,1,need,2}\n"},
    {{.err = ERR_INSUFFICIENT_NODES, .have = 1, .need = 4},
     "{insufficient_nodes,1,need,4}",
     500,
     "Error:\n{insufficient_nodes,1,need,4}\n"},
    {{.err = ERR_TOO_LARGE, .size = 52428801},
     "{too_large,52428801}",
     500,
     "Error:\n{too_large,52428801}\n"},
    {{.err = ERR_TOO_MANY_SIBLINGS, .size = 101},
     "{too_many_siblings,101}",
     500,
     "Error:\n{too_many_siblings,101}\n"},
    {{.err = ERR_NO_TYPE, .text = {(const uint8_t *)"t", 1}},
     "no_type",
     404,
     "Unknown bucket type: t"},
    {{.err = ERR_MATCH_FOUND}, "match_found", 412, ""},
    {{.err = ERR_PRECONDITION}, "failed", 412, ""},
    {{.err = ERR_MODIFIED}, "modified", 409, ""},
    {{.err = ERR_ALL_NODES_DOWN}, "all_nodes_down", 500, "Error:\nall_nodes_down\n"},
    {{.err = ERR_DISK_FULL},
     "disk_full",
     507,
     "The disk is nearly full: only reads and deletes are served\n"},
    {{.err = ERR_KEY_TOO_LARGE},
     "Error processing incoming message: throw:{error,key_too_large}:[]",
     400,
     "The key is longer than 65536 bytes\n"},
    {{.err = ERR_BAD_PROPERTY, .text = {(const uint8_t *)"not_active", 10}},
     "Invalid bucket properties: not_active",
     400,
     "not_active\n"},
};

TEST(texts)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf pb, http;
        buf_init(&pb, 4096);
        buf_init(&http, 4096);
        reply_error_pb(&pb, &cases[i].reply);
        CHECK_BYTES(pb.data, pb.len, cases[i].pb, strlen(cases[i].pb));
        CHECK_EQ(reply_error_http(&http, &cases[i].reply), cases[i].status);
        CHECK_BYTES(http.data, http.len, cases[i].http, strlen(cases[i].http));
        buf_done(&pb);
        buf_done(&http);
    }
}

/* Every error has words, and a status that is one. */
TEST(all_have_a_text)
{
    for (enum err err = ERR_OK + 1; err <= ERR_VERSION; err++) {
        const struct reply reply = {.kind = REPLY_ERROR, .err = err};
        struct buf pb, http;
        buf_init(&pb, 4096);
        buf_init(&http, 4096);
        reply_error_pb(&pb, &reply);
        CHECK(pb.len > 0);
        unsigned status = reply_error_http(&http, &reply);
        CHECK(status >= 300 && status < 600);
        buf_done(&pb);
        buf_done(&http);
    }
}

TEST(erlang_binaries)
{
    const struct {
        struct bytes bytes;
        const char *want;
    } shown[] = {
        {BYTES_LIT("abc"), "<<\"abc\">>"},
        {BYTES_LIT(""), "<<>>"},
        {BYTES_LIT("a\"b\\c"), "<<\"a\\\"b\\\\c\">>"},
        {BYTES_LIT("a\nb\te\x1b"), "<<\"a\\nb\\te\\e\">>"},
        {BYTES_LIT("\x00\xff"), "<<0,255>>"},
        {BYTES_LIT("a\x07"), "<<97,7>>"},
    };

    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        struct buf buf;
        buf_init(&buf, 256);
        erlang_binary_put(&buf, shown[i].bytes);
        CHECK_BYTES(buf.data, buf.len, shown[i].want, strlen(shown[i].want));
        buf_done(&buf);
    }
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(texts),
        T(all_have_a_text),
        T(erlang_binaries),
    };
    return tap_main(argc, argv, tests);
}
