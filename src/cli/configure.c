/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/configure.h"

#include <stdio.h>

#include "base/check.h"
#include "base/nearest.h"
#include "cli/start.h"
#include "wire/json.h"

enum { TEXT_BYTES_MAX = 256 * 1024 };

static void describe_row(struct buf *to, const struct config_row *row)
{
    buf_printf(to, "%s = %s\n    %s\n    ", row->name, row->initial, row->help);
    config_put_values(to, row);
    buf_put_str(to, row->change == CONFIG_LIVE ? "; may be changed while the node runs\n"
                                               : "; read at start\n");
}

static void json_row(struct json_out *out, const struct config_row *row)
{
    struct buf values;

    buf_init(&values, TEXT_BYTES_MAX);
    config_put_values(&values, row);
    json_open(out, '{');
    json_put_string(out, "name", bytes_str(row->name));
    json_put_string(out, "default", bytes_str(row->initial));
    json_put_string(out, "values", buf_bytes(&values));
    json_put_string(out, "help", bytes_str(row->help));
    json_put_bool(out, "live", row->change == CONFIG_LIVE);
    json_close(out, '}');
    buf_done(&values);
}

static int unknown(const char *name)
{
    struct nearest nearest;
    uint32_t count = 0;
    const struct config_row *rows = config_rows(&count);

    nearest_init(&nearest, bytes_str(name));
    for (uint32_t i = 0; i < count; i++)
        nearest_offer(&nearest, bytes_str(rows[i].name));
    if (nearest.best.len == 0)
        return cli_fail(CLI_USAGE, "there is no option '%s'", name);
    return cli_fail(CLI_USAGE, "there is no option '%s'\nDid you mean '%.*s'?", name,
                    (int)nearest.best.len, (const char *)nearest.best.data);
}

static int run_describe(const struct cli_call *call)
{
    const char *name = call->operand_count > 0 ? call->operands[0] : NULL;
    const struct config_row *one = name ? config_row(bytes_str(name)) : NULL;
    uint32_t count = 1;
    const struct config_row *rows = name ? one : config_rows(&count);
    struct buf text;
    bool json = false;

    if (!cli_json(call, &json))
        return CLI_USAGE;
    if (name != NULL && one == NULL)
        return unknown(name);
    buf_init(&text, TEXT_BYTES_MAX);
    struct json_out out = json_out_of(&text);
    if (json)
        json_open(&out, '[');
    for (uint32_t i = 0; i < count; i++)
        if (json) {
            json_row(&out, &rows[i]);
        } else {
            if (i > 0)
                buf_put_u8(&text, '\n');
            describe_row(&text, &rows[i]);
        }
    if (json) {
        json_close(&out, ']');
        buf_put_u8(&text, '\n');
    }
    cli_out(buf_bytes(&text));
    buf_done(&text);
    return cli_end();
}

static void print_effective(const struct config *config, bool json)
{
    struct buf text, value;
    uint32_t count = 0;
    const struct config_row *rows = config_rows(&count);

    buf_init(&text, TEXT_BYTES_MAX);
    buf_init(&value, TEXT_BYTES_MAX);
    struct json_out out = json_out_of(&text);
    if (json)
        json_open(&out, '{');
    for (uint32_t i = 0; i < count; i++) {
        buf_reset(&value);
        enum err err = config_get_text(config, bytes_str(rows[i].name), &value);
        ASSERT(err == ERR_OK);
        if (json)
            json_put_string(&out, rows[i].name, buf_bytes(&value));
        else
            buf_printf(&text, "%s = %.*s\n", rows[i].name, (int)value.len,
                       (const char *)value.data);
    }
    if (json) {
        json_close(&out, '}');
        buf_put_u8(&text, '\n');
    }
    cli_out(buf_bytes(&text));
    buf_done(&value);
    buf_done(&text);
}

static int run_effective(const struct cli_call *call)
{
    struct config config;
    bool json = false;
    struct buf why;

    if (!cli_json(call, &json))
        return CLI_USAGE;
    config_init(&config);
    buf_init(&why, TEXT_BYTES_MAX);
    int status = start_configure(call, &config);
    if (status == 0 && config_check(&config, &why) != ERR_OK)
        status = cli_fail(CLI_FAILED, "%.*s", (int)why.len, (const char *)why.data);
    if (status == 0) {
        print_effective(&config, json);
        status = cli_end();
    }
    buf_done(&why);
    config_done(&config);
    return status;
}

static const struct cli_option describe_options[] = {CLI_OPTION_OUTPUT, CLI_OPTION_END};

const struct cli_command command_config_describe = {
    .name = "config describe",
    .operands = "[OPTION]",
    .summary = "Tell what may be set, and to what",
    .options = describe_options,
    .operands_max = 1,
    .run = run_describe,
};

static const struct cli_option effective_options[] = {
    START_CONFIG_OPTIONS,
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

const struct cli_command command_config_effective = {
    .name = "config effective",
    .operands = "",
    .summary = "Check settings, and print all that a node would use",
    .text = "Fails as 'dassie start' with the same options would.",
    .options = effective_options,
    .run = run_effective,
};
