/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/table.h"

enum { NAME_MAX_LEN = 64, SUMMARY_AT = 30 };

int help_version(void)
{
    printf("dassie %s\n", DASSIE_VERSION);
    return cli_end();
}

int help_overview(bool asked)
{
    FILE *to = asked ? stdout : stderr;

    fputs("Dassie, a distributed key/value database that Riak's clients can use.\n\n"
          "usage: dassie COMMAND [OPTION...] [OPERAND...]\n",
          to);
    for (const struct cli_group *group = cli_groups; group->heading; group++) {
        fprintf(to, "\n%s\n", group->heading);
        for (const struct cli_command *const *at = group->commands; *at; at++)
            if (!(*at)->hidden)
                fprintf(to, "  %-*s%s\n", SUMMARY_AT - 2, (*at)->name, (*at)->summary);
    }
    fputs("\n'dassie help COMMAND' tells more about one of them, 'dassie --version' which\n"
          "version this is. 'dassie demo' is a good first command.\n",
          to);
    return asked ? cli_end() : CLI_USAGE;
}

static void print_option(const struct cli_option *option)
{
    char left[NAME_MAX_LEN];
    int len = 0;

    if (option->letter != 0)
        len = snprintf(left, sizeof(left), "-%c, --%s", option->letter, option->name);
    else
        len = snprintf(left, sizeof(left), "    --%s", option->name);
    if (option->operand != NULL && len > 0 && (size_t)len < sizeof(left))
        (void)snprintf(left + len, sizeof(left) - (size_t)len, " %s", option->operand);
    if (strlen(left) + 4 > SUMMARY_AT)
        printf("  %s\n  %*s%s\n", left, SUMMARY_AT - 2, "", option->help);
    else
        printf("  %-*s%s\n", SUMMARY_AT - 2, left, option->help);
}

int help_command(const struct cli_command *command)
{
    const struct cli_option *option = command->options;
    bool has_options = option != NULL && option->name != NULL;

    printf("usage: dassie %s%s%s%s\n\n", command->name, has_options ? " [OPTION...]" : "",
           command->operands[0] ? " " : "", command->operands);
    printf("%s.\n", command->summary);
    if (command->text != NULL)
        printf("\n%s\n", command->text);
    if (has_options)
        printf("\n");
    for (; option != NULL && option->name != NULL; option++)
        print_option(option);
    return cli_end();
}

/* Lists the commands whose first word is `word`; false when there are none. */
static bool print_family(FILE *to, const char *word)
{
    size_t len = strlen(word);
    bool any = false;

    for (const struct cli_group *group = cli_groups; group->heading; group++)
        for (const struct cli_command *const *at = group->commands; *at; at++) {
            if (strncmp((*at)->name, word, len) != 0 || (*at)->name[len] != ' ')
                continue;
            fprintf(to, "  %-*s%s\n", SUMMARY_AT - 2, (*at)->name, (*at)->summary);
            any = true;
        }
    return any;
}

static bool is_family(const char *word)
{
    size_t len = strlen(word);

    for (const struct cli_group *group = cli_groups; group->heading; group++)
        for (const struct cli_command *const *at = group->commands; *at; at++)
            if (strncmp((*at)->name, word, len) == 0 && (*at)->name[len] == ' ')
                return true;
    return false;
}

int help_unknown_command(int argc, char **argv)
{
    char words[2 * NAME_MAX_LEN];
    struct nearest nearest;
    bool family = is_family(argv[0]);

    if (family && argc == 1) {
        fprintf(stderr, "dassie: '%s' is followed by what to do:\n", argv[0]);
        (void)print_family(stderr, argv[0]);
        return CLI_USAGE;
    }
    (void)snprintf(words, sizeof(words), "%s%s%s", argv[0], family ? " " : "",
                   family ? argv[1] : "");
    nearest_init(&nearest, bytes_str(words));
    for (const struct cli_group *group = cli_groups; group->heading; group++)
        for (const struct cli_command *const *at = group->commands; *at; at++)
            if (!(*at)->hidden)
                nearest_offer(&nearest, bytes_str((*at)->name));
    cli_say("there is no command '%s'", words);
    if (nearest.best.len > 0)
        fprintf(stderr, "Did you mean 'dassie %.*s'?\n", (int)nearest.best.len,
                (const char *)nearest.best.data);
    else
        fprintf(stderr, "'dassie --help' lists them all.\n");
    return CLI_USAGE;
}

void help_unknown_option(const struct cli_command *command, struct bytes name, const char *word)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (const struct cli_option *option = command->options; option && option->name; option++)
        nearest_offer(&nearest, bytes_str(option->name));
    cli_say("'%s' has no option '%s'", command->name, word);
    if (nearest.best.len > 0)
        fprintf(stderr, "Did you mean '--%.*s'?\n", (int)nearest.best.len,
                (const char *)nearest.best.data);
    else
        fprintf(stderr, "Try 'dassie help %s'.\n", command->name);
}

static int run_help(const struct cli_call *call)
{
    char *words[2];
    int taken = 0;

    if (call->operand_count == 0)
        return help_overview(true);
    for (uint32_t i = 0; i < call->operand_count; i++)
        words[i] = (char *)(uintptr_t)call->operands[i];
    const struct cli_command *command = cli_find((int)call->operand_count, words, &taken);
    if (command != NULL && taken == (int)call->operand_count)
        return help_command(command);
    if (call->operand_count == 1 && print_family(stdout, call->operands[0]))
        return cli_end();
    return help_unknown_command((int)call->operand_count, words);
}

static int run_version(const struct cli_call *call)
{
    (void)call;
    return help_version();
}

const struct cli_command command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "Tell about a command",
    .operands_max = 2,
    .run = run_help,
};

const struct cli_command command_version = {
    .name = "version",
    .operands = "",
    .summary = "Print the version",
    .run = run_version,
    .hidden = true,
};
