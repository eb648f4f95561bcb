/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the path of a cgroup says of a process: its container or sandbox, and its systemd unit. */
#ifndef LIB_CGROUP_H
#define LIB_CGROUP_H

#include "lib/subject.h"

/*
 * The container: "docker:ID", "podman:ID", "containerd:ID", "crio:ID", "kubernetes:ID" (an ID has its first 12 digits), "lxc:NAME",
 * "machine:NAME", "flatpak:APP", "snap:NAME". A string of the caller's; NULL: none that is known, or out of memory.
 */
char *cgroup_container(const char *cgroup);

/*
 * The innermost systemd unit that is no slice ("ssh.service", "session-2.scope"), as a part of the text, escapes and all;
 * length 0: none.
 */
struct text cgroup_unit(struct text cgroup);

#endif
