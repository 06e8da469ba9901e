/* SPDX-License-Identifier: Apache-2.0 */
/* Files of options. Every option that was set reads back as it is written. */
#include "base/check.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHY_BYTES_MAX = 4096 };

/* Writes every value of `config` and sets a fresh one from it. */
static void check_written(const struct config *config)
{
    uint32_t count;
    const struct config_row *rows = config_rows(&count);
    struct config again;
    struct buf first, second, why;

    config_init(&again);
    buf_init(&first, 65536);
    buf_init(&second, 65536);
    buf_init(&why, WHY_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes name = bytes_str(rows[i].name);
        buf_reset(&first);
        buf_reset(&second);
        ASSERT(config_get_text(config, name, &first) == ERR_OK);
        ASSERT(config_set(&again, name, buf_bytes(&first), &why) == ERR_OK);
        ASSERT(config_get_text(&again, name, &second) == ERR_OK);
        ASSERT(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
    }
    ASSERT(why.len == 0);
    buf_done(&why);
    buf_done(&second);
    buf_done(&first);
    config_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct buf why;

    config_init(&config);
    buf_init(&why, WHY_BYTES_MAX);
    enum err err = config_parse(&config, bytes_of(data, size), &why);
    ASSERT(!why.overflow);
    ASSERT((err == ERR_OK) == (why.len == 0));
    buf_reset(&why);
    err = config_check(&config, &why);
    ASSERT((err == ERR_OK) == (why.len == 0));
    buf_reset(&why);
    err = config_assign(&config, bytes_of(data, size), &why);
    ASSERT((err == ERR_OK) == (why.len == 0));
    check_written(&config);
    buf_done(&why);
    config_done(&config);
    return 0;
}
