/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * network_aliases.json, as OpenSnitch has it: names of networks, for operators of type network.
 *
 *     {"LAN": ["10.0.0.0/8", "fc00::/7"], "OFFICE": ["192.0.2.0/24"]}
 *
 * Read once when the console starts (SIGHUP to the daemon starts it anew), from beside the config or beside the rules
 * folder. LAN and MULTICAST are known without a file (lib/rule_nets.c); the file may say something else of them.
 */
#ifndef API_NETWORK_ALIASES_H
#define API_NETWORK_ALIASES_H

struct network_aliases;

/*
 * `config_path` may be NULL; `rules_folder` is a descriptor. What is wrong in the file is logged with its place and left out. Owned by
 * the caller; NULL when out of memory.
 */
struct network_aliases *network_aliases_load(const char *config_path, int rules_folder);
void network_aliases_free(struct network_aliases *a); /* NULL is fine */

/* The networks of a name with a space between, borrowed; NULL where the file has no such name. `a` may be NULL: there is no file. */
const char *network_alias_find(const struct network_aliases *a, const char *name);

#endif
