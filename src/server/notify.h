/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the service manager how far the process is: the datagrams of sd_notify(3), without its
 * library. Where there is no manager nothing happens. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

/* Sends one state, such as "READY=1" or "STOPPING=1". */
void notify_state(const char *state);

#endif
