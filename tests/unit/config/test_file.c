/* SPDX-License-Identifier: Apache-2.0 */
/* Files of options: lines, comments, quotes, and the numbers of wrong lines. */
#include <string.h>

#include "config/config.h"
#include "tap.h"

/* Parses a text into a fresh config; what was said is left in `said`. */
static char said[1024];

static enum err parse(struct config *config, const char *text)
{
    struct buf why;

    config_init(config);
    buf_init(&why, sizeof(said) - 1);
    enum err err = config_parse(config, bytes_str(text), &why);
    memcpy(said, why.data != NULL ? why.data : (const uint8_t *)"", why.len);
    said[why.len] = '\0';
    buf_done(&why);
    return err;
}

static void check_text(struct bytes text, const char *wanted)
{
    CHECK_BYTES(text.data, text.len, wanted, strlen(wanted));
}

TEST(lines)
{
    struct config config;

    CHECK_EQ(parse(&config, "## the ring\n"
                            "ring_size = 128\n"
                            "\n"
                            "  slots=2048\r\n"
                            "\tobject.size.maximum\t=\t4MB\t# small\n"
                            "   # indented\n"
                            "nodename = riak@10.0.0.1"),
             ERR_OK);
    CHECK_EQ(config.ring_size, 128);
    CHECK_EQ(config.slots, 2048);
    CHECK_EQ(config.object_bytes_max, 4194304);
    check_text(config.node_name, "riak@10.0.0.1");
    CHECK_STR(said, "");
    config_done(&config);
}

TEST(nothing_sets_nothing)
{
    struct config config;

    CHECK_EQ(parse(&config, ""), ERR_OK);
    CHECK_EQ(parse(&config, "\n\n# only words\n"), ERR_OK);
    CHECK_EQ(config.ring_size, 64);
    config_done(&config);
}

TEST(the_last_line_of_a_name_counts)
{
    struct config config;

    CHECK_EQ(parse(&config, "ring_size = 128\nring_size = 8\n"), ERR_OK);
    CHECK_EQ(config.ring_size, 8);
    config_done(&config);
}

TEST(comment_signs_and_quotes)
{
    struct config config;

    CHECK_EQ(parse(&config, "platform_data_dir = /var/lib/a#b # the data\n"
                            "node.location = \" rack #7 \" # spaces count\n"
                            "cluster.secret_file = '/etc/my \"secret\"'\n"),
             ERR_OK);
    check_text(config.data_dir, "/var/lib/a#b");
    check_text(config.location, " rack #7 ");
    check_text(config.secret_file, "/etc/my \"secret\"");
    config_done(&config);
    CHECK_EQ(parse(&config, "node.location = \"\"\n"), ERR_OK);
    CHECK_EQ(config.location.len, 0);
    CHECK_EQ(parse(&config, "node.location =\n"), ERR_OK);
    CHECK_EQ(parse(&config, "node.location = # nowhere\n"), ERR_OK);
    CHECK_EQ(config.location.len, 0);
    CHECK_EQ(parse(&config, "node.location = a=b\n"), ERR_OK);
    check_text(config.location, "a=b");
    config_done(&config);
}

TEST(wrong_lines_are_named)
{
    struct config config;

    CHECK_EQ(parse(&config, "# a comment\nring_size = 32\nnosuch = 1\nslots = 64\n"),
             ERR_NOT_FOUND);
    CHECK_STR(said, "line 3: there is no option 'nosuch'");
    CHECK_EQ(config.ring_size, 32);
    CHECK_EQ(config.slots, 1024);
    CHECK_EQ(parse(&config, "\n\nring_size\n"), ERR_MALFORMED);
    CHECK_STR(said, "line 3: an option is written name = value, not 'ring_size'");
    CHECK_EQ(parse(&config, "= 7"), ERR_MALFORMED);
    CHECK_EQ(parse(&config, "ring_size = many"), ERR_BAD_REQUEST);
    CHECK_STR(said, "line 1: ring_size is a power of two from 8 to 4096, not 'many'");
    CHECK_EQ(parse(&config, "node.location = \"open"), ERR_MALFORMED);
    CHECK_STR(said, "line 1: the quotes around the value of 'node.location' are not closed, or "
                    "something follows them");
    CHECK_EQ(parse(&config, "node.location = \"a\" b"), ERR_MALFORMED);
    config_done(&config);
}

TEST(what_was_said_before_stays)
{
    struct config config;
    struct buf why;

    config_init(&config);
    buf_init(&why, 1024);
    buf_put_str(&why, "dassie.conf: ");
    CHECK_EQ(config_parse(&config, BYTES_LIT("\nx = 1"), &why), ERR_NOT_FOUND);
    const char *wanted = "dassie.conf: line 2: there is no option 'x'";
    CHECK_BYTES(why.data, why.len, wanted, strlen(wanted));
    buf_done(&why);
    config_done(&config);
}

TEST(settings_of_a_command_line)
{
    struct config config;
    struct buf why;

    config_init(&config);
    buf_init(&why, 1024);
    CHECK_EQ(config_assign(&config, BYTES_LIT("ring_size=16"), &why), ERR_OK);
    CHECK_EQ(config.ring_size, 16);
    CHECK_EQ(config_assign(&config, BYTES_LIT("ring_size"), &why), ERR_MALFORMED);
    CHECK_EQ(config_assign(&config, BYTES_LIT("ring_size="), &why), ERR_BAD_REQUEST);
    CHECK_EQ(config_assign(&config, BYTES_NONE, &why), ERR_MALFORMED);
    CHECK_EQ(config.ring_size, 16);
    buf_done(&why);
    config_done(&config);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(lines),
        T(nothing_sets_nothing),
        T(the_last_line_of_a_name_counts),
        T(comment_signs_and_quotes),
        T(wrong_lines_are_named),
        T(what_was_said_before_stays),
        T(settings_of_a_command_line),
    };

    return tap_main(argc, argv, tests);
}
