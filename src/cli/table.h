/* SPDX-License-Identifier: Apache-2.0 */
/* All subcommands, in the order in which the overview shows them, and the older spellings. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli.h"

/* Commands that the overview shows under one heading; `commands` ends with NULL. */
struct cli_group {
    const char *heading;
    const struct cli_command *const *commands;
};

/* Ends with a NULL heading. */
extern const struct cli_group cli_groups[];

/* What `riak-admin` calls something, and what it is called here. */
struct cli_alias {
    const char *words; /* "member-status" */
    const char *name;  /* "cluster members" */
};

/* Ends with NULL words. Looked at where there is no command of that name, and first after `dassie
 * admin` or when the program is called riak-admin. */
extern const struct cli_alias cli_aliases[];

#endif
