/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/types.h"

#include <stdio.h>

#include "cli/admin_client.h"

static const struct cli_option look_options[] = {ADMIN_OPTION_AT, CLI_OPTION_OUTPUT,
                                                 CLI_OPTION_END};
static const struct cli_option change_options[] = {
    ADMIN_OPTION_AT,
    {"dry-run", 0, NULL, "check what is asked for, and change nothing"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

/* The resource of a type: its name percent-encoded. */
static void put_path(struct buf *path, const char *name, const char *action)
{
    struct bytes bytes = bytes_str(name);

    buf_put_str(path, "bucket-types");
    if (bytes.len > 0)
        buf_put_u8(path, '/');
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.';
        if (plain)
            buf_put_u8(path, c);
        else
            buf_printf(path, "%%%02X", c);
    }
    buf_put_str(path, action);
    buf_put_u8(path, 0);
}

static void show_type(const char *name, const struct json *answer)
{
    const struct json *props = json_member(answer, BYTES_LIT("props"));
    struct buf value;

    (void)printf("%s is %s\n", name,
                 admin_truth(answer, "active") ? "active" : "created, not active");
    buf_init(&value, 1 << 20);
    for (const struct json *p = props == NULL ? NULL : props->first; p != NULL; p = p->next) {
        struct json_out out = json_out_of(&value);
        buf_reset(&value);
        json_tree(&out, p);
        (void)printf("%.*s: %.*s\n", (int)p->name.len, (const char *)p->name.data, (int)value.len,
                     (const char *)value.data);
    }
    buf_done(&value);
}

static void show_types(const struct json *answer)
{
    for (const struct json *t = admin_list(answer, "bucket_types"); t != NULL; t = t->next) {
        struct bytes name = admin_text(t, "name");
        (void)printf("%.*s (%s)\n", (int)name.len, (const char *)name.data,
                     admin_truth(t, "active") ? "active" : "not active");
    }
}

/* Asks, and prints the answer, or what `words` says of it. */
static int run(const struct cli_call *call, const char *method, const char *name,
               const char *action, const char *body, const char *words)
{
    const struct json *answer = NULL;
    struct arena arena;
    struct bytes text;
    struct buf path;
    bool json;

    if (!cli_json(call, &json))
        return CLI_USAGE;
    arena_init(&arena);
    buf_init(&path, 8192);
    put_path(&path, name, action);
    int status = path.overflow ? cli_misuse(call, "the name is too long")
                               : admin_ask(call, method, (const char *)path.data, bytes_str(body),
                                           &arena, &text, &answer);
    if (status == CLI_OK && json) {
        cli_out(text);
        cli_out(BYTES_LIT("\n"));
    } else if (status == CLI_OK && words != NULL) {
        (void)printf("%s %s\n", name,
                     admin_truth(answer, "done") ? words : "could be changed so; it was not");
    } else if (status == CLI_OK && name[0] != '\0') {
        show_type(name, answer);
    } else if (status == CLI_OK) {
        show_types(answer);
    }
    buf_done(&path);
    arena_done(&arena);
    return status == CLI_OK ? cli_end() : status;
}

/* The same for a change, which may be a rehearsal. */
static int change(const struct cli_call *call, const char *method, const char *action,
                  const char *body, const char *words)
{
    char full[64];

    (void)snprintf(full, sizeof(full), "%s%s", action,
                   cli_given(call, "dry-run") ? "?dry_run=true" : "");
    return run(call, method, call->operands[0], full, body, words);
}

static int run_create(const struct cli_call *call)
{
    const char *props = call->operand_count > 1 ? call->operands[1] : "{\"props\":{}}";

    return change(call, "POST", "", props, "created; activate it to use it");
}

static int run_activate(const struct cli_call *call)
{
    return change(call, "POST", "/activate", "", "is active");
}

static int run_update(const struct cli_call *call)
{
    return change(call, "PUT", "", call->operands[1], "updated");
}

static int run_list(const struct cli_call *call)
{
    return run(call, "GET", "", "", "", NULL);
}

static int run_status(const struct cli_call *call)
{
    return run(call, "GET", call->operands[0], "", "", NULL);
}

const struct cli_command command_type_create = {
    "bucket-type create",
    "NAME [PROPS]",
    "create a bucket type",
    "PROPS is JSON: {\"props\":{\"allow_mult\":true,\"n_val\":3}}.",
    change_options,
    1,
    2,
    run_create,
    false,
};
const struct cli_command command_type_activate = {
    "bucket-type activate", "NAME", "let buckets of the type be used", NULL, change_options, 1, 1,
    run_activate,           false,
};
const struct cli_command command_type_update = {
    "bucket-type update",
    "NAME PROPS",
    "change properties of a bucket type",
    NULL,
    change_options,
    2,
    2,
    run_update,
    false,
};
const struct cli_command command_type_list = {
    "bucket-type list", "", "all bucket types", NULL, look_options, 0, 0, run_list, false,
};
const struct cli_command command_type_status = {
    "bucket-type status", "NAME", "a bucket type and its properties", NULL, look_options, 1, 1,
    run_status,           false,
};
