/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. One table (table.c) names every subcommand; parsing, `--help`, `dassie help`,
 * "did you mean" and the exit status are made from it, so that a command is a description and a
 * function.
 *
 *     dassie NAME [OPTION...] [OPERAND...]
 *
 * Rules that hold for every command:
 *   1. data goes to standard output, words to standard error;
 *   2. an option is `--name VALUE`, `--name=VALUE` or a switch `--name`; `--` ends them; options
 *      and operands may be mixed;
 *   3. the exit status is one of `enum cli_exit`, explained in docs/manual/exit-status.md;
 *   4. a command that fails says what failed, why, and what to do about it. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,    /* it was tried and did not work */
    CLI_USAGE = 2,     /* it was not tried: the command line is wrong */
    CLI_NOT_FOUND = 3, /* the thing that was asked for is not there */
    CLI_UNHEALTHY = 4, /* the node was reached, and the cluster cannot do it now */
    CLI_UNKNOWN = 5,   /* no answer in time: it may have been done or not */
    CLI_REFUSED = 6,   /* the node was reached and refused */
    CLI_SIBLINGS = 7,  /* several values are there and none was chosen */
    CLI_NO_NODE = 8,   /* no node answers at that address */
};

struct cli_option {
    const char *name;    /* "value-size", without the dashes; NULL ends a table */
    char letter;         /* "-o"; 0: none */
    const char *operand; /* how its value is called, "HOST:PORT"; NULL: a switch */
    const char *help;    /* one line */
};

struct cli_call;

struct cli_command {
    const char *name;     /* one word or two: "put", "cluster join" */
    const char *operands; /* as usage shows them: "BUCKET KEY [VALUE]"; "" for none */
    const char *summary;  /* one line without a full stop */
    const char *text;     /* what `dassie help NAME` says beyond it; NULL: nothing */
    const struct cli_option *options;
    uint32_t operands_min, operands_max;
    int (*run)(const struct cli_call *call); /* returns an exit status */
    bool hidden;                             /* works, but is not in the overview */
};

enum { CLI_WORDS_MAX = 256 }; /* operands, and values of options, in one call */

struct cli_value {
    const struct cli_option *option;
    const char *text; /* "" for a switch */
};

struct cli_host;

struct cli_call {
    const struct cli_command *command;
    const struct cli_host *host;             /* NULL: there is none */
    const char *operands[CLI_WORDS_MAX + 1]; /* ends with NULL */
    uint32_t operand_count;
    struct cli_value values[CLI_WORDS_MAX]; /* as they were given, in order */
    uint32_t value_count;
};

/* `-o table|json`: for the option table of a command that has both forms. */
#define CLI_OPTION_OUTPUT                                                                          \
    {                                                                                              \
        "output", 'o', "table|json", "form of what is printed (table)"                             \
    }
#define CLI_OPTION_END                                                                             \
    {                                                                                              \
        NULL, 0, NULL, NULL                                                                        \
    }

/* The command whose name the words begin with, and how many of them that name is; NULL: none. */
const struct cli_command *cli_find(int argc, char **argv, int *ret_words);

/* How the user called this program, for commands that are printed to be pasted. */
const char *cli_program(void);

/* What the program around the command line does for it: it stands a floor higher, where the server
 * is known too. */
struct node_start;
struct cli_host {
    int (*run_node)(const struct node_start *start); /* cli/start.h */
};

/* Finds the command, parses and runs it. Returns the exit status of the process. Without a host
 * there is no command that needs one. */
int cli_main(int argc, char **argv, const struct cli_host *host);

/* The last value given for an option, else `fallback`. The command must have that option. */
const char *cli_text(const struct cli_call *call, const char *option, const char *fallback);

/* Whether the command has such an option. */
bool cli_has(const struct cli_call *call, const char *option);

/* Whether an option was given. */
bool cli_given(const struct cli_call *call, const char *option);

/* The number-th value of an option that may be repeated, in order; NULL when there are no more. */
const char *cli_nth(const struct cli_call *call, const char *option, uint32_t number);

/* An unsigned number between the two bounds. False, after a word to the user, for anything else. */
bool cli_number(const struct cli_call *call, const char *option, uint64_t fallback, uint64_t min,
                uint64_t max, uint64_t *ret_value) MUST_CHECK;

/* Whether `-o json` was asked for. False, after a word to the user, when it is neither form. */
bool cli_json(const struct cli_call *call, bool *ret_json) MUST_CHECK;

/* One line to standard error, `dassie: ` before it. cli_fail also returns `status`. */
void cli_say(const char *format, ...) PRINTF_LIKE(1, 2);
int cli_fail(int status, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same for a wrong command line: names the command's help, and returns CLI_USAGE. */
int cli_misuse(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

/* Writes data to standard output. */
void cli_out(struct bytes bytes);

/* Flushes standard output: CLI_OK, or CLI_FAILED after a word when not all could be written. */
int cli_end(void);

#endif
