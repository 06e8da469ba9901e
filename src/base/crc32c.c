/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C: the processor's instruction where it has one, slicing by eight elsewhere. */
#include "base/hash.h"

#include "base/crc32c_table.h"

static uint32_t crc_soft(uint32_t crc, struct bytes bytes)
{
    const uint8_t *at = bytes.data;
    size_t len = bytes.len;

    for (; len >= 8; len -= 8, at += 8) {
        crc ^=
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        crc = crc32c_table[7][crc & 0xff] ^ crc32c_table[6][(crc >> 8) & 0xff] ^
              crc32c_table[5][(crc >> 16) & 0xff] ^ crc32c_table[4][crc >> 24] ^
              crc32c_table[3][at[4]] ^ crc32c_table[2][at[5]] ^ crc32c_table[1][at[6]] ^
              crc32c_table[0][at[7]];
    }
    for (; len > 0; len--, at++)
        crc = crc32c_table[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_hard(uint32_t crc, struct bytes bytes)
{
    const uint8_t *at = bytes.data;
    size_t len = bytes.len;
    uint64_t wide = crc;

    for (; len >= 8; len -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; len--, at++)
        crc = __builtin_ia32_crc32qi(crc, *at);
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, struct bytes bytes)
{
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_hard(crc, bytes);
#endif
    return ~crc_soft(crc, bytes);
}
