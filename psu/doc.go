// Package psu guards the context of the payment service user (PSU), the end
// user in whose name a TPP calls a bank.
//
// A bank takes a call with PSU-IP-Address for one that the PSU asked for just
// now, and one without it for unattended access, which is limited to four calls
// a day (RTS (EU) 2018/389 article 36(5)). So the context is passed on as the
// application gave it for this request, or not at all: nothing is invented,
// completed or altered, and what a bank could not believe is refused here.
package psu
