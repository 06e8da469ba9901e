/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking client of a node's admin API: one request, one JSON answer. What goes wrong is told to
 * the user here, in words, and comes back as an exit status. */
#ifndef CLI_ADMIN_CLIENT_H
#define CLI_ADMIN_CLIENT_H

#include "base/arena.h"
#include "cli/cli.h"
#include "wire/json.h"

#define ADMIN_OPTION_AT                                                                            \
    {                                                                                              \
        "at", 0, "HOST:PORT", "the node's HTTP listener (DASSIE_AT, or 127.0.0.1:8098)"            \
    }

/* Sends `method` to /dassie/v1/`path` of the node that the call's `--at` names. On CLI_OK the text
 * and its tree are in the arena. */
int admin_ask(const struct cli_call *call, const char *method, const char *path, struct bytes body,
              struct arena *arena, struct bytes *ret_text, const struct json **ret_json) MUST_CHECK;

/* The same, and prints the answer in the form that was wanted: as it came, or by `show`. */
typedef void admin_show_fn(const struct json *json);
int admin_run(const struct cli_call *call, const char *method, const char *path, struct bytes body,
              admin_show_fn *show) MUST_CHECK;

/* Members of an answer: empty, 0 or false when they are not there. */
struct bytes admin_text(const struct json *json, const char *name);
uint64_t admin_number(const struct json *json, const char *name);
bool admin_truth(const struct json *json, const char *name);
const struct json *admin_list(const struct json *json, const char *name); /* its first element */

#endif
