/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "model/limits.h"
#include "msg/limits.h"

enum { TIMEOUT_MS_MAX = 24 * 3600 * 1000, CONTEXT_TEXT_MAX = 2 * CONTEXT_BYTES_MAX };

/* An operand as bytes: itself, or what its hexadecimal digits mean. */
static bool name_of(const struct cli_call *call, struct arena *arena, const char *text,
                    struct bytes *ret_name)
{
    size_t len = strlen(text);

    if (!cli_given(call, "hex")) {
        *ret_name = bytes_str(text);
        return true;
    }
    uint8_t *bytes = arena_alloc(arena, len / 2 + 1);
    if (len % 2 != 0 || hex_decode(bytes_str(text), bytes, len / 2) != ERR_OK) {
        (void)cli_misuse(call, "'%s' is not hexadecimal", text);
        return false;
    }
    *ret_name = bytes_of(bytes, len / 2);
    return true;
}

/* The quorums of those options that the command has. */
static bool read_quorums(const struct cli_call *call, struct ask *ask)
{
    const struct {
        const char *option;
        uint32_t *value;
    } all[] = {
        {"r", &ask->r}, {"pr", &ask->pr}, {"w", &ask->w}, {"dw", &ask->dw}, {"pw", &ask->pw}};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (cli_has(call, all[i].option) && !target_quorum(call, all[i].option, all[i].value))
            return false;
    return true;
}

static int open_target(const struct cli_call *call, uint32_t names, struct target *t)
{
    const char *from_env = getenv("DASSIE_PB");
    const char *at = cli_text(call, "at", from_env && from_env[0] ? from_env : "127.0.0.1:8087");
    uint64_t timeout_ms = 0;

    *t = (struct target){.json = false};
    arena_init(&t->arena);
    ask_init(&t->ask);
    if (!cli_json(call, &t->json) ||
        !cli_number(call, "timeout", 0, 1, TIMEOUT_MS_MAX, &timeout_ms) ||
        !read_quorums(call, &t->ask))
        return CLI_USAGE;
    if (names > 0 && !name_of(call, &t->arena, call->operands[0], &t->ask.bucket))
        return CLI_USAGE;
    if (names > 1 && !name_of(call, &t->arena, call->operands[1], &t->ask.key))
        return CLI_USAGE;
    t->ask.type = bytes_str(cli_text(call, "type", "default"));
    t->ask.timeout_ms = (uint32_t)timeout_ms;
    return pbclient_open(at, timeout_ms ? (uint32_t)timeout_ms : TIMEOUT_DEFAULT_MS, &t->client);
}

int target_run(const struct cli_call *call, uint32_t names,
               int (*body)(const struct cli_call *call, struct target *target))
{
    struct target t;
    int status = open_target(call, names, &t);

    if (status == CLI_OK)
        status = body(call, &t);
    pbclient_close(t.client);
    arena_done(&t.arena);
    int ended = cli_end();
    return status == CLI_OK ? ended : status;
}

bool target_quorum(const struct cli_call *call, const char *option, uint32_t *ret_value)
{
    const char *text = cli_text(call, option, NULL);

    if (text == NULL || ask_quorum(text, ret_value))
        return true;
    (void)cli_misuse(call, "--%s is a number, 'one', 'quorum' or 'all', not '%s'", option, text);
    return false;
}

int target_read_context(struct target *target, const char *path)
{
    char *text = arena_alloc(&target->arena, CONTEXT_TEXT_MAX);
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return cli_fail(CLI_FAILED,
                        "cannot read the context %s: %s\n'dassie get --context FILE' writes it.",
                        path, strerror(errno));
    size_t len = fread(text, 1, CONTEXT_TEXT_MAX, file);
    (void)fclose(file);
    if (base64_decode(&target->arena, bytes_trim(bytes_of(text, len)), &target->ask.context) !=
        ERR_OK)
        return cli_fail(CLI_FAILED, "%s holds no context", path);
    return CLI_OK;
}

int target_write_context(const char *path, struct bytes context)
{
    FILE *file = fopen(path, "we");
    struct buf text;
    int status = CLI_OK;

    if (file == NULL)
        return cli_fail(CLI_FAILED, "cannot write the context %s: %s", path, strerror(errno));
    buf_init(&text, CONTEXT_TEXT_MAX);
    base64_put(&text, context);
    buf_put_u8(&text, '\n');
    bool written = fwrite(text.data, 1, text.len, file) == text.len;
    if (fclose(file) != 0 || !written)
        status = cli_fail(CLI_FAILED, "cannot write the context %s: %s", path, strerror(errno));
    buf_done(&text);
    return status;
}

void target_json_bytes(struct json_out *out, const char *name, struct bytes bytes)
{
    struct buf text;

    if (utf8_valid(bytes)) {
        json_put_string(out, name, bytes);
        return;
    }
    buf_init(&text, ASK_BYTES_MAX);
    buf_printf(&text, "%s_base64", name);
    json_name(out, buf_bytes(&text));
    buf_reset(&text);
    base64_put(&text, bytes);
    json_string(out, buf_bytes(&text));
    buf_done(&text);
}

void target_json_names(struct json_out *out, const struct target *target)
{
    target_json_bytes(out, "type", target->ask.type);
    if (target->ask.bucket.data != NULL)
        target_json_bytes(out, "bucket", target->ask.bucket);
    if (target->ask.key.data != NULL)
        target_json_bytes(out, "key", target->ask.key);
}
