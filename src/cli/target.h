/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands for people and scripts have in common: which node, which bucket, which key. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "cli/pbclient.h"
#include "wire/json.h"

#define TARGET_OPTIONS                                                                             \
    {"at", 0, "HOST:PORT", "the node's PB listener (DASSIE_PB, or 127.0.0.1:8087)"},               \
        {"type", 't', "NAME", "bucket type (default)"},                                            \
        {"timeout", 0, "MS", "how long the node may take (60000)"},                                \
        {"hex", 0, NULL, "BUCKET and KEY are given in hexadecimal"}, CLI_OPTION_OUTPUT

struct target {
    struct arena arena;
    struct ask ask; /* with type, bucket, key, quorums and timeout filled in */
    struct pbclient *client;
    bool json;
};

/* Reads the options, the quorums among them, and the first `names` operands (bucket, key),
 * connects, and runs the body of the command. Returns its exit status. */
int target_run(const struct cli_call *call, uint32_t names,
               int (*body)(const struct cli_call *call, struct target *target));

/* The value of a quorum option; false after a word to the user. */
bool target_quorum(const struct cli_call *call, const char *option, uint32_t *ret_value) MUST_CHECK;

/* A context as `--context FILE` keeps it: one line of base64. */
int target_read_context(struct target *target, const char *path) MUST_CHECK;
int target_write_context(const char *path, struct bytes context) MUST_CHECK;

/* A member whose value are bytes of any kind: as text if they are UTF-8, else in base64 under the
 * name with `_base64` behind it. */
void target_json_bytes(struct json_out *out, const char *name, struct bytes bytes);

/* type, bucket and key of what was asked. */
void target_json_names(struct json_out *out, const struct target *target);

#endif
