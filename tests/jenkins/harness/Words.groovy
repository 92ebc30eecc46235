/** Writes down what a block says, without doing it: calls as lists of the name and the arguments. */
class Words extends GroovyObjectSupport {
    private final Steps steps
    private final List<List> said = []

    Words(Steps steps) { this.steps = steps }

    def invokeMethod(String name, Object arguments) {
        def call = [name] + (arguments as List)
        said.removeAll { inner -> call.any { it.is(inner) } }
        said << call
        call
    }

    def getProperty(String name) { name in ['any', 'none'] ? name : steps.getProperty(name) }
}
