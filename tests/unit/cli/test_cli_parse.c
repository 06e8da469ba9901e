/* SPDX-License-Identifier: Apache-2.0 */
/* The command line itself, on a table of commands of its own. */
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/table.h"
#include "tap.h"

static struct cli_call last;
static int runs;

static int remember(const struct cli_call *call)
{
    last = *call;
    runs++;
    return 42;
}

static const struct cli_option options[] = {
    {"size", 's', "BYTES", "how large"},
    {"set", 0, "K=V", "repeated"},
    {"force", 'f', NULL, "a switch"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

static const struct cli_command command_move = {
    .name = "move",
    .operands = "FROM TO",
    .summary = "Move",
    .options = options,
    .operands_min = 1,
    .operands_max = 2,
    .run = remember,
};

static const struct cli_command command_group_join = {
    .name = "group join",
    .operands = "",
    .summary = "Join",
    .options = options,
    .operands_max = 1,
    .run = remember,
};

static const struct cli_command *const commands[] = {&command_move, &command_group_join, NULL};
const struct cli_group cli_groups[] = {{"Commands", commands}, {NULL, NULL}};
const struct cli_alias cli_aliases[] = {
    {"join", "group join"},
    {"group join", "group join"},
    {NULL, NULL},
};

/* Runs a line of words. */
static int line(const char *text)
{
    static char words[512];
    char *argv[32];
    int argc = 0;

    (void)strncpy(words, text, sizeof(words) - 1);
    for (char *word = strtok(words, " "); word != NULL && argc < 31; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    runs = 0;
    return cli_main(argc, argv, NULL);
}

TEST(options_and_operands_mix)
{
    CHECK_EQ(line("dassie move --size 7 a -f b --set=x=1 --set y=2"), 42);
    CHECK_EQ(last.operand_count, 2);
    CHECK_STR(last.operands[0], "a");
    CHECK_STR(last.operands[1], "b");
    CHECK_STR(cli_text(&last, "size", "1"), "7");
    CHECK(cli_given(&last, "force"));
    CHECK_STR(cli_nth(&last, "set", 0), "x=1");
    CHECK_STR(cli_nth(&last, "set", 1), "y=2");
    CHECK(cli_nth(&last, "set", 2) == NULL);
}

TEST(letters_take_values_with_and_without_a_blank)
{
    CHECK_EQ(line("dassie move -s9 a"), 42);
    CHECK_STR(cli_text(&last, "size", "1"), "9");
    CHECK_EQ(line("dassie move -s 8 a"), 42);
    CHECK_STR(cli_text(&last, "size", "1"), "8");
    CHECK(!cli_given(&last, "force"));
}

TEST(the_last_value_counts)
{
    CHECK_EQ(line("dassie move -s 1 -s 2 a"), 42);
    CHECK_STR(cli_text(&last, "size", "0"), "2");
}

TEST(two_dashes_end_the_options)
{
    CHECK_EQ(line("dassie move -- -s --size"), 42);
    CHECK_EQ(last.operand_count, 2);
    CHECK_STR(last.operands[0], "-s");
    CHECK_STR(last.operands[1], "--size");
}

TEST(a_dash_alone_is_an_operand)
{
    CHECK_EQ(line("dassie move -"), 42);
    CHECK_STR(last.operands[0], "-");
}

TEST(wrong_lines_run_nothing)
{
    static const char *const lines[] = {
        "dassie",
        "dassie mvoe a",
        "dassie move",
        "dassie move a b c",
        "dassie move --nosuch a",
        "dassie move -x a",
        "dassie move a --size",
        "dassie move --force=1 a",
        "dassie group",
        "dassie group jion",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CHECK_EQ(line(lines[i]), CLI_USAGE);
        CHECK_EQ(runs, 0);
    }
}

TEST(names_of_two_words)
{
    CHECK_EQ(line("dassie group join x"), 42);
    CHECK_EQ(last.operand_count, 1);
    CHECK_STR(last.operands[0], "x");
}

TEST(old_spellings)
{
    CHECK_EQ(line("dassie admin join -f"), 42);
    CHECK(cli_given(&last, "force"));
    CHECK_EQ(line("dassie admin group join"), 42);
    CHECK_EQ(line("/usr/bin/riak-admin join x"), 42);
    CHECK_EQ(last.operand_count, 1);
    CHECK_EQ(line("dassie join"), 42);
    CHECK_EQ(line("dassie jion"), CLI_USAGE);
    CHECK_EQ(line("dassie admin nosuch"), CLI_USAGE);
}

TEST(numbers_have_bounds)
{
    uint64_t value = 0;

    CHECK_EQ(line("dassie move -s 12 a"), 42);
    CHECK(cli_number(&last, "size", 5, 1, 12, &value));
    CHECK_EQ(value, 12);
    CHECK(!cli_number(&last, "size", 5, 1, 11, &value));
    CHECK(!cli_number(&last, "size", 5, 13, 20, &value));
    CHECK_EQ(line("dassie move -s twelve a"), 42);
    CHECK(!cli_number(&last, "size", 5, 1, 12, &value));
    CHECK_EQ(line("dassie move a"), 42);
    CHECK(cli_number(&last, "size", 5, 1, 12, &value));
    CHECK_EQ(value, 5);
}

TEST(forms_of_output)
{
    bool json = true;

    CHECK_EQ(line("dassie move a"), 42);
    CHECK(cli_json(&last, &json));
    CHECK(!json);
    CHECK_EQ(line("dassie move a -o json"), 42);
    CHECK(cli_json(&last, &json));
    CHECK(json);
    CHECK_EQ(line("dassie move a -o yaml"), 42);
    CHECK(!cli_json(&last, &json));
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(options_and_operands_mix),   T(letters_take_values_with_and_without_a_blank),
        T(the_last_value_counts),      T(two_dashes_end_the_options),
        T(a_dash_alone_is_an_operand), T(wrong_lines_run_nothing),
        T(names_of_two_words),         T(old_spellings),
        T(numbers_have_bounds),        T(forms_of_output),
    };
    return tap_main(argc, argv, tests);
}
