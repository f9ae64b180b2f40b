"""All contracts by the kind of function they are for."""

from compgraph.testing import algorithm, component_method, exporter, rotation, rule

CONTRACTS: dict[str, dict[str, str]] = {
    kind: {each.name: each.promise for each in (*module.FORMS, *module.LAWS)}
    for kind, module in {
        "component_method": component_method,
        "rotation": rotation,
        "rule": rule,
        "algorithm": algorithm,
        "exporter": exporter,
    }.items()
}
"""Kind to name to what is needed."""
