# A controller may only do what it declares: `data.declared` is generated from the controllers' own declarations.
package lib.declared

import data.lib.write

violations contains v if {
	not granted
	v := {
		"rule": "gate/undeclared",
		"title": "The controller does not declare this kind of write.",
		"message": $"{input.controller.name} does not declare {write.operation} of {input.write.name}",
		"severity": "critical",
		"controls": ["CIS 5.1.3"],
	}
}

granted if {
	not write.is_event
	grant := data.declared.controllers[input.controller.name].writes[write.target][input.write.verb]
	names(grant)
}

granted if {
	not write.is_event
	input.write.subresource == ""
	input.write.verb in data.declared.controllers[input.controller.name].anywhere
}

granted if {
	write.is_event
	data.declared.controllers[input.controller.name].events == true
	write.target == "core/events"
	input.write.verb in {"create", "patch"}
}

names(grant) if grant.names == null

names(grant) if input.write.name in grant.names
