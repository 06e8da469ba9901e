/* SPDX-License-Identifier: Apache-2.0 */
/* Single options: how values are written, what they may be, what is said of wrong ones. */
#include "config/config.h"

#include <string.h>

#include "tap.h"

static struct config config;
static struct buf why;

/* Sets an option and keeps what was said. */
static enum err set(const char *name, const char *value)
{
    buf_reset(&why);
    return config_set(&config, bytes_str(name), bytes_str(value), &why);
}

static bool said(const char *words)
{
    buf_put_u8(&why, 0);
    why.len--;
    bool found = strstr((const char *)why.data, words) != NULL;
    if (!found)
        tap_note("it said: %s", (const char *)why.data);
    return found;
}

static void begin(void)
{
    config_init(&config);
    buf_init(&why, 4096);
}

static void end(void)
{
    config_done(&config);
    buf_done(&why);
}

/* The value of an option as text, zero-terminated; valid until the next call. */
static const char *text_of(const char *name)
{
    static char text[2048];
    struct buf buf;

    buf_init(&buf, sizeof(text) - 1);
    enum err err = config_get_text(&config, bytes_str(name), &buf);
    CHECK_EQ(err, ERR_OK);
    memcpy(text, buf.data != NULL ? buf.data : (const uint8_t *)"", buf.len);
    text[buf.len] = '\0';
    buf_done(&buf);
    return text;
}

TEST(defaults_are_what_they_were)
{
    begin();
    CHECK_EQ(config.ring_size, 64);
    CHECK_EQ(config.slots, 1024);
    CHECK_EQ(config.object_bytes_max, UINT64_C(52428800));
    CHECK_EQ(config.siblings_max, 100);
    CHECK_EQ(config.requests_max, 50000);
    CHECK(!config.allow_mult_default);
    CHECK_EQ(config.n_val_default, 3);
    CHECK_EQ(config.r_default, CONFIG_QUORUM_QUORUM);
    CHECK_EQ(config.pr_default, 0);
    CHECK_EQ(config.probe_interval_ms, 1000);
    CHECK_EQ(config.probe_timeout_ms, 500);
    CHECK_EQ(config.suspicion_ms, 4000);
    CHECK_EQ(config.gossip_interval_ms, 200);
    CHECK_EQ(config.repair_wait_ms, 500);
    CHECK_EQ(config.hot_keys_max, 10000);
    CHECK_EQ(config.counter_lease, 100000);
    CHECK_STR(text_of("nodename"), "dassie@127.0.0.1");
    CHECK_EQ(config_check(&config, &why), ERR_OK);
    end();
}

TEST(a_default_is_written_as_it_is_read_back)
{
    uint32_t count;
    const struct config_row *rows = config_rows(&count);

    begin();
    CHECK(count > 30);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_STR(text_of(rows[i].name), rows[i].initial);
        CHECK_EQ(set(rows[i].name, rows[i].initial), ERR_OK);
        CHECK_STR(text_of(rows[i].name), rows[i].initial);
        CHECK(rows[i].help[0] >= 'A' && rows[i].help[0] <= 'Z');
        CHECK_EQ(rows[i].help[strlen(rows[i].help) - 1], '.');
        CHECK(config_row(bytes_str(rows[i].name)) == &rows[i]);
    }
    end();
}

TEST(numbers)
{
    begin();
    CHECK_EQ(set("object.siblings.maximum", "7"), ERR_OK);
    CHECK_EQ(config.siblings_max, 7);
    CHECK_EQ(set("object.siblings.maximum", "10000"), ERR_OK);
    static const char *const wrong[] = {
        "",          "0", "10001", "-1", "+7", "7.0", "0x7", "7 8", "seven", "18446744073709551616",
        "4294967303"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK_EQ(set("object.siblings.maximum", wrong[i]), ERR_BAD_REQUEST);
        CHECK_EQ(config.siblings_max, 10000);
    }
    CHECK(said("object.siblings.maximum is a number from 1 to 10000, not '4294967303'"));
    end();
}

TEST(powers_of_two)
{
    begin();
    CHECK_EQ(set("ring_size", "8"), ERR_OK);
    CHECK_EQ(set("ring_size", "4096"), ERR_OK);
    CHECK_EQ(set("ring_size", "63"), ERR_BAD_REQUEST);
    CHECK(said("ring_size is a power of two from 8 to 4096, not '63'"));
    CHECK_EQ(set("ring_size", "4"), ERR_BAD_REQUEST);
    CHECK_EQ(set("ring_size", "8192"), ERR_BAD_REQUEST);
    CHECK_EQ(config.ring_size, 4096);
    end();
}

TEST(sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        const char *shown;
    } right[] = {
        {"1048576", 1048576, "1MB"}, {"8192KB", 8388608, "8MB"}, {"1025kb", 1049600, "1025KB"},
        {"3MB", 3145728, "3MB"},     {"2GB", 2147483648, "2GB"}, {"1048577B", 1048577, "1048577"},
        {"16 MB", 16777216, "16MB"},
    };
    static const char *const wrong[] = {"",
                                        "MB",
                                        "1TB",
                                        "1.5MB",
                                        "-1MB",
                                        "1MB2KB",
                                        "1MB 2",
                                        "4KB",
                                        "0",
                                        "99999999999999999999GB",
                                        "18014398509481985MB"};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        CHECK_EQ(set("storage.cache_size", right[i].text), ERR_OK);
        CHECK_EQ(config.cache_bytes, right[i].bytes);
        CHECK_STR(text_of("storage.cache_size"), right[i].shown);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK_EQ(set("storage.cache_size", wrong[i]), ERR_BAD_REQUEST);
    CHECK(said("storage.cache_size is a size like 512, 8KB, 4MB or 1GB, from 1MB to 16384GB, not"));
    CHECK_EQ(config.cache_bytes, 16777216);
    CHECK_EQ(set("storage.blob_threshold", "0"), ERR_OK);
    CHECK_STR(text_of("storage.blob_threshold"), "0");
    end();
}

TEST(spaces)
{
    begin();
    CHECK_EQ(config.free_min, UINT64_C(1) << 30);
    CHECK_EQ(set("storage.free_min", "5%"), ERR_OK);
    CHECK_STR(text_of("storage.free_min"), "5%");
    CHECK_EQ(config_space_bytes(config.free_min, 1000), 50);
    CHECK_EQ(config_space_bytes(config.free_min, UINT64_MAX), UINT64_MAX / 100 * 5);
    CHECK_EQ(set("storage.free_min", "0%"), ERR_OK);
    CHECK_EQ(config_space_bytes(config.free_min, 1000), 0);
    CHECK_EQ(set("storage.free_min", "2GB"), ERR_OK);
    CHECK_STR(text_of("storage.free_min"), "2GB");
    CHECK_EQ(config_space_bytes(config.free_min, 1000), UINT64_C(2) << 30);
    static const char *const wrong[] = {"51%",
                                        "%",
                                        "5 %x",
                                        "-1%",
                                        "5.5%",
                                        "2PB%",
                                        "1025TB",
                                        "18446744073709551615",
                                        "9223372036854775813",
                                        "9223372036854775808%"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK_EQ(set("storage.free_min", wrong[i]), ERR_BAD_REQUEST);
    CHECK(said("a share of the disk up to 50%, or a size like 4MB or 1GB, from 0 to "));
    CHECK_STR(text_of("storage.free_min"), "2GB");
    end();
}

TEST(times)
{
    static const struct {
        const char *text;
        uint32_t ms;
        const char *shown;
    } right[] = {
        {"10ms", 10, "10ms"},        {"10s", 10000, "10s"},    {"2m", 120000, "2m"},
        {"1m30s", 90000, "90s"},     {"9m60s", 600000, "10m"}, {"1500 ms", 1500, "1500ms"},
        {"1S500MS", 1500, "1500ms"},
    };
    static const char *const wrong[] = {"",    "10", "s",  "10x",  "9ms", "0s",
                                        "11m", "1h", "1w", "10s5", "-1s", "99999999999999999w",
                                        "1.5s"};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        CHECK_EQ(set("cluster.suspicion", right[i].text), ERR_OK);
        CHECK_EQ(config.suspicion_ms, right[i].ms);
        CHECK_STR(text_of("cluster.suspicion"), right[i].shown);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK_EQ(set("cluster.suspicion", wrong[i]), ERR_BAD_REQUEST);
    CHECK(said("cluster.suspicion is a time like 500ms, 10s, 5m or 1h, from 10ms to 10m, not"));
    CHECK_EQ(config.suspicion_ms, 1500);
    end();
}

TEST(switches)
{
    begin();
    CHECK_EQ(set("buckets.default.allow_mult", "on"), ERR_OK);
    CHECK(config.allow_mult_default);
    CHECK_EQ(set("buckets.default.allow_mult", "false"), ERR_OK);
    CHECK(!config.allow_mult_default);
    CHECK_EQ(set("buckets.default.allow_mult", "True"), ERR_OK);
    CHECK(config.allow_mult_default);
    CHECK_EQ(set("buckets.default.allow_mult", "1"), ERR_BAD_REQUEST);
    CHECK(said("buckets.default.allow_mult is on or off, not '1'"));
    CHECK(config.allow_mult_default);
    end();
}

TEST(quorums)
{
    begin();
    CHECK_EQ(set("buckets.default.r", "all"), ERR_OK);
    CHECK_EQ(config.r_default, CONFIG_QUORUM_ALL);
    CHECK_STR(text_of("buckets.default.r"), "all");
    CHECK_EQ(set("buckets.default.r", "2"), ERR_OK);
    CHECK_EQ(config.r_default, 2);
    CHECK_STR(text_of("buckets.default.r"), "2");
    CHECK_EQ(set("buckets.default.r", "0"), ERR_BAD_REQUEST);
    CHECK_EQ(set("buckets.default.r", "4294967294"), ERR_BAD_REQUEST);
    CHECK_EQ(set("buckets.default.r", "most"), ERR_BAD_REQUEST);
    CHECK(said("one, quorum, all, or a number from 1 to 16"));
    CHECK_EQ(set("buckets.default.pr", "0"), ERR_OK);
    end();
}

TEST(levels)
{
    begin();
    CHECK_EQ(set("log.console.level", "warning"), ERR_OK);
    CHECK_STR(text_of("log.console.level"), "warning");
    CHECK_EQ(set("log.console.level", "loud"), ERR_BAD_REQUEST);
    CHECK(said("log.console.level is debug, info, warning or error, not 'loud'"));
    CHECK_EQ(set("log.console.level", ""), ERR_BAD_REQUEST);
    end();
}

TEST(texts)
{
    char value[] = "rack 7";
    char long_name[257];

    begin();
    CHECK_EQ(set("node.location", value), ERR_OK);
    memset(value, 'x', sizeof(value) - 1);
    CHECK_STR(text_of("node.location"), "rack 7");
    CHECK_EQ(set("node.location", ""), ERR_OK);
    CHECK_EQ(config.location.len, 0);
    CHECK_EQ(set("nodename", "a b"), ERR_BAD_REQUEST);
    CHECK(said("nodename is a text without blanks of at most 255 bytes, not 'a b'"));
    CHECK_EQ(set("nodename", ""), ERR_BAD_REQUEST);
    CHECK_EQ(set("platform_data_dir", "/a\x01"
                                      "b"),
             ERR_BAD_REQUEST);
    CHECK(said("'/a?b'"));
    memset(long_name, 'n', 256);
    long_name[256] = '\0';
    CHECK_EQ(set("nodename", long_name), ERR_BAD_REQUEST);
    CHECK(said("nnn...'"));
    long_name[255] = '\0';
    CHECK_EQ(set("nodename", long_name), ERR_OK);
    end();
}

TEST(addresses)
{
    static const char *const right[] = {"127.0.0.1:8099", ":0", "host.example:65535", "[::1]:1"};
    static const char *const wrong[] = {"",      "8099",       "host:",  "host:65536", "::1:8099",
                                        "[::1]", "host:80 90", "host:a", "a:1,b:2",    "[]:1"};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        CHECK_EQ(set("listener.peer", right[i]), ERR_OK);
        CHECK_STR(text_of("listener.peer"), right[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK_EQ(set("listener.peer", wrong[i]), ERR_BAD_REQUEST);
    end();
}

TEST(lists_of_addresses)
{
    struct bytes list, one;

    begin();
    CHECK_EQ(set("listener.http.internal", "a:1, [::1]:2 ,c:3"), ERR_OK);
    list = config.listen_http;
    static const char *const wanted[] = {"a:1", "[::1]:2", "c:3"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        CHECK(config_next_address(&list, &one));
        CHECK_BYTES(one.data, one.len, wanted[i], strlen(wanted[i]));
    }
    CHECK(!config_next_address(&list, &one));
    CHECK_EQ(set("listener.http.internal", "a:1,"), ERR_BAD_REQUEST);
    CHECK_EQ(set("listener.http.internal", "a:1,,b:1"), ERR_BAD_REQUEST);
    CHECK_EQ(set("listener.http.internal", ""), ERR_OK);
    list = config.listen_http;
    CHECK(!config_next_address(&list, &one));
    end();
}

TEST(unknown_names)
{
    begin();
    CHECK_EQ(set("ringsize", "64"), ERR_NOT_FOUND);
    CHECK(said("there is no option 'ringsize'; did you mean 'ring_size'?"));
    CHECK_EQ(set("n_val", "3"), ERR_NOT_FOUND);
    CHECK(said("did you mean 'buckets.default.n_val'?"));
    CHECK_EQ(set("bitcask.merge.window.start", "3"), ERR_NOT_FOUND);
    CHECK(!strstr((const char *)why.data, "did you mean"));
    CHECK_EQ(set("", "3"), ERR_NOT_FOUND);
    CHECK_EQ(set("Ring_size", "64"), ERR_NOT_FOUND);
    buf_reset(&why);
    CHECK_EQ(config_get_text(&config, BYTES_LIT("nosuch"), &why), ERR_NOT_FOUND);
    end();
}

TEST(what_cannot_be_together)
{
    begin();
    CHECK_EQ(set("ring_size", "2048"), ERR_OK);
    buf_reset(&why);
    CHECK_EQ(config_check(&config, &why), ERR_BAD_REQUEST);
    CHECK(said("ring_size is 2048, but there are only 1024 slots"));
    CHECK_EQ(set("slots", "2048"), ERR_OK);
    CHECK_EQ(config_check(&config, &why), ERR_OK);
    CHECK_EQ(set("cluster.probe_timeout", "1s"), ERR_OK);
    CHECK_EQ(config_check(&config, &why), ERR_BAD_REQUEST);
    CHECK(said("cluster.probe_timeout (1000 ms) must be shorter"));
    CHECK_EQ(set("cluster.probe_interval", "2s"), ERR_OK);
    CHECK_EQ(set("buckets.default.pw", "4"), ERR_OK);
    CHECK_EQ(config_check(&config, &why), ERR_BAD_REQUEST);
    CHECK(said("buckets.default.pw is 4, but buckets.default.n_val only 3"));
    CHECK_EQ(set("buckets.default.pw", "all"), ERR_OK);
    CHECK_EQ(config_check(&config, &why), ERR_OK);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(defaults_are_what_they_were),
        T(a_default_is_written_as_it_is_read_back),
        T(numbers),
        T(powers_of_two),
        T(sizes),
        T(spaces),
        T(times),
        T(switches),
        T(quorums),
        T(levels),
        T(texts),
        T(addresses),
        T(lists_of_addresses),
        T(unknown_names),
        T(what_cannot_be_together),
    };

    return tap_main(argc, argv, tests);
}
