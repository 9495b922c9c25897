# A status patch reports on the object that is being reconciled, and touches its status alone.
package lib.status

import data.lib.write

violations contains v if {
	not only_status
	v := {
		"rule": "status/only",
		"title": "A status patch touches the status only.",
		"message": $"the patch of {input.write.name} changes more than its status",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	not of_trigger
	v := {
		"rule": "status/foreign",
		"title": "A controller reports only the status of the object it reconciles.",
		"message": $"{input.write.kind} {input.write.name} is not the trigger {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

only_status if {
	write.patch_members == {"metadata", "status"}
	count(write.patch_metadata - write.preconditions) == 0
}

of_trigger if {
	trigger := input.cause.trigger
	trigger.uid != ""
	trigger.uid == input.write.uid
	trigger.kind == input.write.kind
	trigger.name == input.write.name
	object.get(trigger, "namespace", "") == input.write.namespace
}
