# Arithmetic on the API's times: rules have no clock, the time of the decision is `input.time.rfc3339`.
package lib.time

# Whole seconds since 0000-03-01 of a UTC time such as 2026-11-20T12:00:00Z; undefined for anything else. A year begins
# in March here, so that the leap day is its last.
seconds(text) := ((((days(text) * 24) + digits(text, 11, 2)) * 3600) + (digits(text, 14, 2) * 60)) + digits(text, 17, 2) if {
	regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$`, text)
}

days(text) := (((((365 * year) + floor(year / 4)) - floor(year / 100)) + floor(year / 400)) + floor(((153 * month) + 2) / 5)) + digits(text, 8, 2) if {
	year := digits(text, 0, 4) - floor((14 - digits(text, 5, 2)) / 12)
	month := (digits(text, 5, 2) + 9) % 12
}

# With a one before them, for a number has no leading zero.
digits(text, from, width) := to_number(concat("", ["1", substring(text, from, width)])) - ten_to[width]

ten_to := {2: 100, 4: 10000}
