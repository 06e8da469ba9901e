/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox owns what it holds until the next step, and tokens say whose they are. */
#include "msg/outbox.h"

#include <string.h>

#include "msg/machine.h"
#include "msg/request.h"
#include "msg/token.h"
#include "msg/view.h"
#include "tap.h"

static struct outbox out;

TEST(outputs_stay_in_order_and_are_blank)
{
    outbox_init(&out);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 200; i++) {
            struct output *output = outbox_add(&out, OUT_CLOSE);
            CHECK_EQ(output->u.conn, 0);
            memset(&output->u, 0xff, sizeof(output->u));
            output->u.conn = i;
        }
        for (uint64_t i = 0; i < 200; i++)
            CHECK_EQ(out.items[i].u.conn, i);
        outbox_reset(&out);
        CHECK_EQ(out.count, 0);
    }
    outbox_done(&out);
}

TEST(references_are_given_back)
{
    struct blob *blob = blob_copy(BYTES_LIT("shared"));
    struct store_row *rows;

    outbox_init(&out);
    outbox_blob(&out, 1, blob_ref(blob));
    outbox_add(&out, OUT_SEND)->u.send.holds = blob_ref(blob);
    outbox_add(&out, OUT_VNODE)->u.vnode.news.record = blob_ref(blob);
    rows = arena_alloc_array(&out.arena, 2, sizeof(*rows));
    rows[0] = (struct store_row){FAMILY_OBJECT, BYTES_LIT("k"), blob_ref(blob)};
    rows[1] = (struct store_row){FAMILY_META, BYTES_LIT("k"), NULL};
    struct store_op *op = &outbox_add(&out, OUT_STORE)->u.store;
    op->rows = rows;
    op->rows_count = 2;
    CHECK_EQ(blob->refs, 5);
    outbox_reset(&out);
    CHECK_EQ(blob->refs, 1);
    outbox_blob(&out, 1, blob_ref(blob));
    outbox_done(&out);
    CHECK_EQ(blob->refs, 1);
    blob_unref(blob);
}

TEST(what_was_handled_holds_nothing)
{
    struct blob *blob = blob_copy(BYTES_LIT("taken"));

    outbox_init(&out);
    outbox_blob(&out, 1, blob);
    out.items[0].kind = OUT_NONE; /* whoever did that took the reference */
    outbox_done(&out);
    CHECK_EQ(blob->refs, 1);
    blob_unref(blob);
}

TEST(messages_and_answers)
{
    struct asker asker = {ASKER_SESSION, 4, 5};

    outbox_init(&out);
    outbox_send(&out, 9, PEER_GET)->u.get.token = 3;
    CHECK_EQ(out.items[0].kind, OUT_SEND);
    CHECK_EQ(out.items[0].u.send.to, 9);
    CHECK_EQ(out.items[0].u.send.msg.u.get.token, 3);
    outbox_error(&out, asker, ERR_W_UNSATISFIED, 1, 2);
    CHECK_EQ(out.items[1].u.reply.to.seq, 5);
    CHECK_EQ(out.items[1].u.reply.reply.kind, REPLY_ERROR);
    CHECK_EQ(out.items[1].u.reply.reply.need, 2);
    outbox_bytes(&out, 4, BYTES_LIT("hello"));
    struct bytes text = blob_bytes(out.items[2].u.bytes.blob);
    CHECK_BYTES(text.data, text.len, "hello", 5);
    outbox_trace(&out, TRACE_HOT, 1, 2, 3);
    CHECK_EQ(out.items[3].u.trace.numbers[2], 3);
    outbox_done(&out);
}

TEST(tokens_tell_their_owner)
{
    static const enum token_owner owners[] = {TOKEN_CLUSTER, TOKEN_VNODE, TOKEN_REPLICA,
                                              TOKEN_LISTER, TOKEN_MACHINE};
    static const uint64_t numbers[] = {0, 1, (UINT64_C(1) << TOKEN_OWNER_SHIFT) - 1};

    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
            uint64_t token = token_of(owners[i], numbers[k]);
            CHECK_EQ(token_owner(token), owners[i]);
            CHECK_EQ(token_number(token), numbers[k]);
        }
    }
}

TEST(machine_tokens)
{
    struct machine machine = {.id = (UINT64_C(1) << 47) - 1};

    for (unsigned number = 0; number < 1 << MACHINE_NUMBER_BITS; number += 251) {
        uint64_t token = machine_token(&machine, number);
        CHECK_EQ(machine_of_token(token), machine.id);
        CHECK_EQ(machine_number(token), number);
        CHECK_EQ(token >> 63, 0); /* which would be a refetch's */
    }
}

TEST(every_kind_of_trace_has_a_row)
{
    for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
        const struct trace_info *info = trace_info((enum trace_kind)kind);
        CHECK(info->name[0] != '\0');
        CHECK(info->text[0] != '\0');
        /* Only the three numbers are named. */
        for (const char *at = info->text; *at != '\0'; at++) {
            const char *digit = at[1] == 'x' ? at + 2 : at + 1;
            CHECK(*at != '%' || (*digit >= '0' && *digit <= '2'));
        }
    }
    CHECK_STR(trace_info(TRACE_CORRUPT_ROW)->name, "CORRUPT_ROW");
}

TEST(classes_of_messages)
{
    struct peer_msg msg = {.kind = PEER_PUT};

    CHECK_EQ(peer_class(&msg), CLASS_DATA);
    msg.kind = PEER_CLUSTER;
    CHECK_EQ(peer_class(&msg), CLASS_CONTROL);
    msg.kind = PEER_LISTED;
    CHECK_NE(peer_class(&msg), CLASS_CONTROL);
}

TEST(absent_options)
{
    struct request_options options;

    memset(&options, 0xff, sizeof(options));
    request_options_init(&options);
    CHECK_EQ(options.r, QUORUM_DEFAULT);
    CHECK_EQ(options.w, QUORUM_DEFAULT);
    CHECK_EQ(options.pr, QUORUM_DEFAULT);
    CHECK_EQ(options.pw, QUORUM_DEFAULT);
    CHECK_EQ(options.dw, QUORUM_DEFAULT);
    CHECK_EQ(options.rw, QUORUM_DEFAULT);
    CHECK_EQ(options.node_confirms, QUORUM_DEFAULT);
    CHECK_EQ(options.n_val, 0);
    CHECK_EQ(options.timeout_ms, 0);
    CHECK_EQ(options.basic_quorum, TRI_DEFAULT);
    CHECK_EQ(options.notfound_ok, TRI_DEFAULT);
}

TEST(a_view_without_a_document)
{
    struct view view = {.self = 1};

    CHECK_EQ(view_epoch(&view), 0);
    CHECK_EQ(view_index(&view, 1), RING_NOBODY);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(outputs_stay_in_order_and_are_blank),
        T(references_are_given_back),
        T(what_was_handled_holds_nothing),
        T(messages_and_answers),
        T(tokens_tell_their_owner),
        T(machine_tokens),
        T(every_kind_of_trace_has_a_row),
        T(classes_of_messages),
        T(absent_options),
        T(a_view_without_a_document),
    };

    return tap_main(argc, argv, tests);
}
