/** The names that `environment { NAME = value }` sets, each of which may use those above it. */
class Variables {
    private final Steps steps
    final Map<String, String> values = [:]
    final List<String> secrets = []

    Variables(Steps steps) { this.steps = steps }

    def credentials(String id) { [id: id] }

    def propertyMissing(String name) { values.containsKey(name) ? values[name] : steps.getProperty(name) }

    def propertyMissing(String name, value) {
        if (!(value instanceof Map)) return values[name] = value as String
        def (bound, hidden) = steps.credentials.whole(value.id, name)
        values << bound
        secrets.addAll(hidden)
    }
}
