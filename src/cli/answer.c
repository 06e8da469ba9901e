/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"

#include "wire/pb_wire.h"

#define CONTENT(member) offsetof(struct answer_content, member)
#define ANSWER(member)  offsetof(struct answer, member)

static const struct pb_spec content_specs[] = {
    [1] = {PB_BYTES, true, CONTENT(value)},         [2] = {PB_BYTES, false, CONTENT(content_type)},
    [5] = {PB_BYTES, false, CONTENT(vtag)},         [7] = {PB_UINT32, false, CONTENT(last_mod_s)},
    [8] = {PB_UINT32, false, CONTENT(last_mod_us)}, [11] = {PB_BOOL, false, CONTENT(deleted)},
};

static const struct pb_spec error_specs[] = {
    [1] = {PB_BYTES, true, ANSWER(error)},
};

static const struct pb_spec info_specs[] = {
    [1] = {PB_BYTES, false, ANSWER(node)},
    [2] = {PB_BYTES, false, ANSWER(version)},
};

/* Of a get and a put: the contents are read apart. */
static const struct pb_spec object_specs[] = {
    [2] = {PB_BYTES, false, ANSWER(context)},
};

static const struct pb_spec put_specs[] = {
    [2] = {PB_BYTES, false, ANSWER(context)},
    [3] = {PB_BYTES, false, ANSWER(key)},
};

static const struct pb_spec list_specs[] = {
    [2] = {PB_BOOL, false, ANSWER(done)},
};

#define SPECS(table)                                                                               \
    (struct pb_specs)                                                                              \
    {                                                                                              \
        table, ARRAY_LEN(table)                                                                    \
    }

static enum err read_contents(struct arena *arena, struct bytes body, struct answer *answer)
{
    uint32_t count = pb_count(body, 1);
    struct answer_content *contents = arena_alloc_array(arena, count, sizeof(*contents));
    struct reader r = reader_of(body);
    struct pb_field field;

    while (pb_next(&r, &field) && answer->content_count < count)
        if (field.number == 1) {
            struct answer_content *content = &contents[answer->content_count++];
            if (field.type != PB_LENGTH)
                return ERR_MALFORMED;
            TRY(pb_read(SPECS(content_specs), field.bytes, content));
        }
    answer->contents = contents;
    return r.ok ? ERR_OK : ERR_MALFORMED;
}

static enum err read_names(struct arena *arena, struct bytes body, struct answer *answer)
{
    uint32_t count = pb_count(body, 1);
    struct bytes *names = arena_alloc_array(arena, count, sizeof(*names));
    struct reader r = reader_of(body);
    struct pb_field field;

    while (pb_next(&r, &field) && answer->name_count < count)
        if (field.number == 1) {
            if (field.type != PB_LENGTH)
                return ERR_MALFORMED;
            names[answer->name_count++] = field.bytes;
        }
    answer->names = names;
    return r.ok ? ERR_OK : ERR_MALFORMED;
}

enum err answer_read(struct arena *arena, uint8_t code, struct bytes body,
                     struct answer *ret_answer)
{
    *ret_answer = (struct answer){.code = code};
    switch (code) {
    case PB_ERROR_RESP: return pb_read(SPECS(error_specs), body, ret_answer);
    case PB_SERVER_INFO_RESP: return pb_read(SPECS(info_specs), body, ret_answer);
    case PB_GET_RESP:
        TRY(pb_read(SPECS(object_specs), body, ret_answer));
        return read_contents(arena, body, ret_answer);
    case PB_PUT_RESP:
        TRY(pb_read(SPECS(put_specs), body, ret_answer));
        return read_contents(arena, body, ret_answer);
    case PB_LIST_BUCKETS_RESP:
    case PB_LIST_KEYS_RESP:
        TRY(pb_read(SPECS(list_specs), body, ret_answer));
        return read_names(arena, body, ret_answer);
    default: return ERR_OK; /* a message without fields */
    }
}
