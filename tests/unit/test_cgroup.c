/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of cgroups as systemd, Docker, Podman, containerd, CRI-O, LXC, Flatpak and snapd make them. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cgroup.h"

#define ID "4f5e6d7c8b9a0123456789abcdef0123456789abcdef0123456789abcdef0123"
#define USER "/user.slice/user-1000.slice/user@1000.service"

static void check(const char *cgroup, const char *want_container, const char *want_unit)
{
	struct text unit = cgroup_unit((struct text) { cgroup, strlen(cgroup) });
	char *container = cgroup_container(cgroup);

	if (want_container) {
		assert_non_null(container);
		assert_string_equal(container, want_container);
	} else {
		assert_null(container);
	}
	free(container);
	assert_int_equal(unit.len, want_unit ? strlen(want_unit) : 0);
	if (want_unit)
		assert_memory_equal(unit.s, want_unit, unit.len);
}

static void containers_have_names(void **state)
{
	(void)state;
	check("/system.slice/docker-" ID ".scope", "docker:4f5e6d7c8b9a", "docker-" ID ".scope");
	check("/docker/" ID, "docker:4f5e6d7c8b9a", NULL);
	check("/machine.slice/libpod-" ID ".scope/container", "podman:4f5e6d7c8b9a",
		"libpod-" ID ".scope");
	check(USER "/user.slice/libpod-" ID ".scope", "podman:4f5e6d7c8b9a", "libpod-" ID ".scope");
	check("/machine.slice/libpod-conmon-" ID ".scope", NULL, "libpod-conmon-" ID ".scope");
	check("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope",
		"containerd:4f5e6d7c8b9a", "cri-containerd-" ID ".scope");
	check("/kubepods.slice/crio-" ID ".scope", "crio:4f5e6d7c8b9a", "crio-" ID ".scope");
	check("/kubepods/besteffort/pod3/" ID, "kubernetes:4f5e6d7c8b9a", NULL);
	check("/lxc.payload.web/system.slice/ssh.service", "lxc:web", "ssh.service");
	check("/machine.slice/systemd-nspawn@deb.service/payload", "machine:deb",
		"systemd-nspawn@deb.service");
	check("/machine.slice/machine-my\\x2ddeb.scope", "machine:my-deb",
		"machine-my\\x2ddeb.scope");
}

static void sandboxes_have_names(void **state)
{
	(void)state;
	check(USER "/app.slice/app-flatpak-org.mozilla.firefox-4711.scope",
		"flatpak:org.mozilla.firefox", "app-flatpak-org.mozilla.firefox-4711.scope");
	check(USER "/app.slice/app-flatpak-com.example.my\\x2dapp-12.scope",
		"flatpak:com.example.my-app", "app-flatpak-com.example.my\\x2dapp-12.scope");
	check(USER "/app.slice/flatpak-org.gimp.GIMP-99.scope", "flatpak:org.gimp.GIMP",
		"flatpak-org.gimp.GIMP-99.scope");
	check("/system.slice/flatpak-system-helper.service", NULL, "flatpak-system-helper.service");
	check(USER "/snap.firefox.firefox-1d2e3f40-aaaa-bbbb-cccc-0123456789ab.scope",
		"snap:firefox", "snap.firefox.firefox-1d2e3f40-aaaa-bbbb-cccc-0123456789ab.scope");
	check("/system.slice/snap.lxd.daemon.service", "snap:lxd", "snap.lxd.daemon.service");
}

static void units_are_found(void **state)
{
	(void)state;
	check("/system.slice/ssh.service", NULL, "ssh.service");
	check(USER "/app.slice/app-gnome-firefox-1234.scope", NULL, "app-gnome-firefox-1234.scope");
	check("/user.slice/user-0.slice/session-2.scope", NULL, "session-2.scope");
	check("/system.slice/system-getty.slice/getty@tty1.service/sub", NULL,
		"getty@tty1.service");
}

static void what_says_nothing_names_nothing(void **state)
{
	(void)state;
	check("", NULL, NULL);
	check("/", NULL, NULL);
	check("/user.slice", NULL, NULL);
	check("/.service", NULL, NULL);
	check("/machine.slice", NULL, NULL);
	check("/docker/nothex", NULL, NULL);
	check("/docker-4f5e", NULL, NULL);
	check("/app-flatpak-", NULL, NULL);
	check("/app-flatpak-x.scope", NULL, "app-flatpak-x.scope");
	check("/kubepods/" ID "0", NULL, NULL);
	check("/x/\\x2", NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_have_names),
		cmocka_unit_test(sandboxes_have_names),
		cmocka_unit_test(units_are_found),
		cmocka_unit_test(what_says_nothing_names_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
