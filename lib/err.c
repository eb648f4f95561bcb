/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of errors, and their translation from errno. */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

const char *err_str(int code)
{
	switch ((enum err_code)code) {
	case ERR_OK:
		return "ok";
	case ERR_NOMEM:
		return "out of memory";
	case ERR_INVALID:
		return "invalid";
	case ERR_MALFORMED:
		return "malformed";
	case ERR_TOO_BIG:
		return "too big";
	case ERR_NOT_FOUND:
		return "not found";
	case ERR_EXISTS:
		return "exists already";
	case ERR_CONFLICT:
		return "conflict";
	case ERR_GONE:
		return "gone";
	case ERR_AGAIN:
		return "try again";
	case ERR_PERMISSION:
		return "not permitted";
	case ERR_UNSUPPORTED:
		return "not supported here";
	case ERR_BUSY:
		return "in use by another program";
	case ERR_CLOSED:
		return "closed by the peer";
	case ERR_IO:
		return "input/output error";
	case ERR_FULL:
		return "no space left";
	}
	return "unknown error";
}

int err_from_errno(int errnum)
{
	switch (errnum) {
	case 0:
		return ERR_OK;
	case ENOMEM:
		return ERR_NOMEM;
	case EINVAL:
		return ERR_INVALID;
	case EMSGSIZE:
	case E2BIG:
	case EFBIG:
		return ERR_TOO_BIG;
	case ENOENT:
	case ESRCH:
	case ENODEV:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_EXISTS;
	case EAGAIN:
	case EINTR:
		return ERR_AGAIN;
	case EPERM:
	case EACCES:
		return ERR_PERMISSION;
	case ENOSYS:
	case EOPNOTSUPP:
	case ENOPROTOOPT:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
		return ERR_UNSUPPORTED;
	case EBUSY:
	case EADDRINUSE:
		return ERR_BUSY;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
		return ERR_CLOSED;
	case ENOSPC:
	case EDQUOT:
	case ENOBUFS:
		return ERR_FULL;
	default:
		return ERR_IO;
	}
}

int error_set(struct error *e, int code, const char *place, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	snprintf(e->place, sizeof(e->place), "%s", place ? place : "");
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	return code;
}
