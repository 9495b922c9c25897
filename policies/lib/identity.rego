# Fields that say which object it is never change, and no patch hides a replacement of what it does not show.
package lib.identity

import data.lib.write

# Never a value of an API object, so that an absent field equals nothing but itself.
absent := {"absent"}

metadata_fields := ["name", "namespace", "uid", "creationTimestamp", "generateName"]

violations contains v if {
	write.changes
	some field in metadata_fields
	was := input.before.metadata[field]
	object.get(input.object, ["metadata", field], was) != was
	v := finding($"metadata.{field} would change")
}

violations contains v if {
	input.write.verb == "patch"
	some field in metadata_fields
	wished := object.get(input.patch, ["metadata", field], absent)
	wished != absent
	wished != object.get(input.before, ["metadata", field], null)
	v := finding($"the patch sets metadata.{field}")
}

violations contains v if {
	write.changes
	some path in fields
	was := object.get(input.before, path, absent)
	was != absent
	object.get(input.object, path, absent) != was
	v := finding($"{concat(".", path)} would change")
}

violations contains v if {
	input.write.verb == "patch"
	some path in fields
	wished := object.get(input.patch, path, absent)
	wished != absent
	wished != object.get(input.before, path, null)
	v := finding($"the patch sets {concat(".", path)}")
}

# null removes the whole subtree, and the directives replace it.
violations contains v if {
	input.write.verb == "patch"
	some part in ["metadata", "spec", "status", "data"]
	object.get(input.patch, part, absent) == null
	v := finding($"the patch removes {part}")
}

violations contains v if {
	input.write.verb == "patch"
	some part in [[], ["metadata"], ["spec"], ["status"], ["data"]]
	some directive in ["$patch", "$retainKeys"]
	object.get(input.patch, array.concat(part, [directive]), absent) != absent
	v := finding($"the patch holds {directive} outside a list")
}

fields := data.identity[write.whole]

finding(message) := {
	"rule": "identity/changed",
	"title": "Fields that identify an object never change.",
	"message": message,
	"severity": "high",
	"controls": [],
}
