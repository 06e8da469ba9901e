/* SPDX-License-Identifier: Apache-2.0 */
#include "session/output.h"

#include "base/blob.h"
#include "base/check.h"

void session_output_init(struct session_output *output, uint64_t conn)
{
    output->conn = conn;
    output->room = SESSION_OUTPUT_MAX;
    buf_init(&output->gathered, SESSION_GATHERED_MAX);
}

void session_output_done(struct session_output *output)
{
    buf_done(&output->gathered);
}

static void spend(struct session_output *output, size_t len)
{
    output->room -= len < output->room ? len : output->room;
}

uint8_t *session_output_extend(struct session_output *output, size_t len, struct outbox *out)
{
    ASSERT(len > 0);
    ASSERT(len <= SESSION_ANSWER_MAX);
    if (len > output->gathered.max - output->gathered.len || len >= SESSION_BLOB_BYTES_MIN)
        session_output_flush(output, out);
    if (len < SESSION_BLOB_BYTES_MIN)
        return buf_extend(&output->gathered, len);
    struct blob *blob = blob_new(len);
    outbox_blob(out, output->conn, blob);
    spend(output, len);
    return blob->data;
}

void session_output_put(struct session_output *output, struct bytes bytes, struct outbox *out)
{
    if (bytes.len > 0)
        memcpy(session_output_extend(output, bytes.len, out), bytes.data, bytes.len);
}

void session_output_flush(struct session_output *output, struct outbox *out)
{
    if (output->gathered.len == 0)
        return;
    outbox_bytes(out, output->conn, buf_bytes(&output->gathered));
    spend(output, output->gathered.len);
    buf_reset(&output->gathered);
    ASSERT(!output->gathered.overflow);
}

void session_output_writable(struct session_output *output, uint64_t room)
{
    output->room = room;
}

bool session_output_full(const struct session_output *output)
{
    return output->gathered.len >= output->room;
}
