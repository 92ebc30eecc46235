import org.codehaus.groovy.ast.ASTNode
import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.*
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.MultipleCompilationErrorsException

/**
 * What a Jenkinsfile may say: the part of the declarative grammar that the harness runs, and no word more.
 *
 * It judges the syntax tree, as Jenkins does: closures would let through much that Jenkins refuses.
 * A signature is a list of parameters, `name:type`, with `!` where required; only the first may go unnamed.
 */
class Grammar {
    static final Map<String, String> STEPS = [
        archiveArtifacts: 'artifacts:string! allowEmptyArchive:boolean fingerprint:boolean',
        checkout: 'scm:any!',
        echo: 'message:string!',
        error: 'message:string!',
        junit: 'testResults:string! allowEmptyResults:boolean',
        milestone: 'ordinal:integer label:string',
        publishHTML: 'target:map!',
        sh: 'script:string! returnStatus:boolean returnStdout:boolean label:string',
        unstable: 'message:string!',
    ]
    static final Map<String, String> BLOCK_STEPS = [
        dir: 'path:string!',
        lock: 'resource:string!',
        timeout: 'time:integer! unit:string',
        withCredentials: 'bindings:list!',
        withEnv: 'overrides:list!',
    ]
    static final Map<String, String> STAGE_OPTIONS = [
        lock: 'resource:string!',
        skipDefaultCheckout: 'skip:boolean',
        timeout: 'time:integer! unit:string',
        timestamps: '',
    ]
    static final Map<String, String> OPTIONS = STAGE_OPTIONS + [
        buildDiscarder: 'strategy:any!',
        disableConcurrentBuilds: 'abortPrevious:boolean',
        parallelsAlwaysFailFast: '',
        skipStagesAfterUnstable: '',
    ]
    static final Map<String, String> PARAMETERS = [
        booleanParam: 'name:string! defaultValue:boolean description:string',
        choice: 'name:string! choices:list! description:string',
        string: 'name:string! defaultValue:string description:string trim:boolean',
    ]
    static final Map<String, String> TRIGGERS = [cron: 'spec:string!', githubPush: '', pollSCM: 'spec:string!']
    static final Map<String, String> CONDITIONS = [
        branch: 'pattern:string!',
        changeset: 'pattern:string!',
        environment: 'name:string! value:string!',
        triggeredBy: 'cause:string!',
    ]
    static final List<String> NESTING_CONDITIONS = ['allOf', 'anyOf', 'not']
    static final List<String> WHEN_FLAGS = ['beforeAgent', 'beforeOptions']
    /** What stands as a value inside another call. */
    static final Map<String, String> VALUES = [
        credentials: 'id:string!',
        file: 'credentialsId:string! variable:string!',
        logRotator: 'numToKeepStr:string daysToKeepStr:string artifactNumToKeepStr:string artifactDaysToKeepStr:string',
        string: 'credentialsId:string! variable:string!',
        usernamePassword: 'credentialsId:string! usernameVariable:string! passwordVariable:string!',
    ]
    static final List<String> POST = ['always', 'changed', 'fixed', 'regression', 'aborted', 'success',
                                      'unsuccessful', 'unstable', 'failure', 'notBuilt', 'cleanup']

    private final List<List> found = []

    /** Every complaint about the text, as `LINE: MESSAGE`, from top to bottom; empty where it is right. */
    static List<String> complaints(String text) {
        def grammar = new Grammar()
        try {
            def source = text.trim() ? text : ';'
            grammar.file(new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, source)[0] as BlockStatement)
        } catch (MultipleCompilationErrorsException e) {
            return e.errorCollector.errors.collect { "${it.cause.line}: ${it.cause.originalMessage}" as String }
        }
        grammar.found.unique().sort { it[0] }.collect { "${it[0]}: ${it[1]}" as String }
    }

    /** The parameter of a step that may go unnamed. */
    static String first(String step) { (STEPS + BLOCK_STEPS)[step]?.tokenize(':')?.first() }

    private void complain(ASTNode node, String message) { found << [node.lineNumber, message] }

    private def file(BlockStatement block) {
        def (pipelines, others) = block.statements.findAll { it.lineNumber > 0 }.split { name(callOf(it)) == 'pipeline' }
        if (pipelines.size() != 1) found << [1, 'expected exactly one "pipeline" block']
        others.each { complain(it, 'nothing may stand beside the "pipeline" block') }
        pipelines.collect { callOf(it) }.each { sections(it, ['agent', 'stages'], [
            agent: this.&agent, environment: this.&environment, options: this.&options.curry(OPTIONS),
            parameters: this.&definitions.curry('parameter', PARAMETERS), post: this.&post,
            stages: this.&stages, triggers: this.&definitions.curry('trigger', TRIGGERS)]) }
    }

    /** Checks that a block has known sections only, each at most once, and the required ones. */
    private def sections(MethodCallExpression call, List<String> required, Map<String, Closure> known) {
        def seen = [] as Set
        def where = name(call)
        statements(call, "a section of $where", 'sections').each { inner ->
            def what = name(inner)
            if (!(what in known)) complain(inner, "unknown section \"$what\" in $where; known: ${known.keySet().sort().join(', ')}")
            else if (!seen.add(what)) complain(inner, "section \"$what\" is there more than once")
            else known[what](inner)
        }
        required.each { if (!(it in seen)) complain(call, "missing required section \"$it\" in $where") }
    }

    private def agent(MethodCallExpression call) {
        def words = arguments(call)
        if (words.size() != 1 || !(words[0] instanceof VariableExpression) || !(words[0].name in ['any', 'none']))
            complain(call, 'the agent is "any" or "none"')
    }

    private def environment(MethodCallExpression call) {
        def seen = [] as Set
        filled(call, 'variables').each {
            def set = it instanceof ExpressionStatement ? it.expression : null
            if (!(set instanceof BinaryExpression) || set instanceof DeclarationExpression || set.operation.text != '=' ||
                    !(set.leftExpression instanceof VariableExpression))
                return complain(it, 'expected NAME = "value" in environment')
            def variable = set.leftExpression.name
            if (!seen.add(variable)) complain(it, "variable \"$variable\" is there more than once")
            quoted(set.rightExpression)
        }
    }

    private def quoted(Expression value) {
        if (value instanceof BinaryExpression && value.operation.text == '+') {
            quoted(value.leftExpression)
            quoted(value.rightExpression)
        } else if (value instanceof MethodCallExpression && name(value) == 'credentials') {
            signature(value, VALUES)
        } else if (!(value instanceof GStringExpression || text(value) != null)) {
            complain(value, 'a value in environment is quoted, or credentials(...)')
        }
    }

    private def options(Map<String, String> known, MethodCallExpression call) { definitions('option', known, call) }

    private def definitions(String kind, Map<String, String> known, MethodCallExpression call) {
        def calls = statements(call, "a $kind", "${kind}s")
        if (kind != 'parameter') twice(calls, kind)
        calls.each { signature(it, known, kind) }
    }

    private def twice(List<MethodCallExpression> calls, String kind) {
        calls.groupBy { name(it) }.findAll { it.value.size() > 1 }.each {
            complain(it.value[1], "$kind \"$it.key\" is there more than once")
        }
    }

    private def stages(MethodCallExpression call, boolean inParallel = false) {
        def all = statements(call, 'a stage', 'stages')
        all.findAll { name(it) != 'stage' }.each { complain(it, "expected a stage, not \"${name(it)}\"") }
        def named = all.findAll { name(it) == 'stage' }
        named.groupBy { title(it) }.findAll { it.key && it.value.size() > 1 }.each {
            complain(it.value[1], "stage \"$it.key\" is there more than once")
        }
        named.each { stage(it, inParallel) }
    }

    private String title(MethodCallExpression stage) {
        arguments(stage) ? text(arguments(stage)[0]) : null
    }

    private static String text(Expression literal) {
        literal instanceof ConstantExpression && literal.value instanceof String ? literal.value : null
    }

    private def stage(MethodCallExpression call, boolean inParallel) {
        if (!title(call)) complain(call, 'a stage needs a name, in quotes')
        sections(call, [], [
            agent: this.&agent, environment: this.&environment, failFast: this.&flag,
            options: this.&options.curry(STAGE_OPTIONS), parallel: this.&parallel.curry(inParallel), post: this.&post,
            stages: { stages(it, inParallel) }, steps: { steps(it) }, when: this.&when])
        def said = (body(call) ?: []).collect { name(callOf(it)) }
        def work = said.findAll { it in ['parallel', 'stages', 'steps'] }.unique()
        if (work.size() != 1) complain(call, "stage \"${title(call)}\" needs exactly one of steps, stages, parallel")
        if (work == ['parallel'] && 'agent' in said) complain(call, "no agent in stage \"${title(call)}\", which is parallel")
    }

    private def parallel(boolean inParallel, MethodCallExpression call) {
        if (inParallel) complain(call, 'parallel cannot be nested in parallel')
        stages(call, true)
    }

    private def flag(MethodCallExpression call) {
        def words = arguments(call)
        if (words.size() != 1 || !fits(words[0], 'boolean')) complain(call, "${name(call)} is true or false")
    }

    private def post(MethodCallExpression call) {
        def conditions = statements(call, 'a condition of post', 'conditions')
        twice(conditions, 'condition')
        conditions.each {
            if (name(it) in POST) steps(it)
            else complain(it, "unknown condition \"${name(it)}\" in post; known: ${POST.join(', ')}")
        }
    }

    private def when(MethodCallExpression call) {
        def (flags, conditions) = statements(call, 'a condition', 'conditions').split { name(it) in WHEN_FLAGS }
        flags.each { flag(it) }
        if (flags && !conditions) complain(call, 'no conditions in when')
        conditions.each { condition(it) }
    }

    private def condition(MethodCallExpression call) {
        if (name(call) == 'expression') {
            filled(call, 'expression')
        } else if (name(call) in NESTING_CONDITIONS) {
            def inner = statements(call, 'a condition', 'conditions')
            if (name(call) == 'not' && inner.size() > 1) complain(call, 'not takes exactly one condition')
            inner.each { condition(it) }
        } else {
            signature(call, CONDITIONS, 'condition')
        }
    }

    private def steps(MethodCallExpression call) {
        statements(call, 'a step', 'steps').each { step(it) }
    }

    private def step(MethodCallExpression call) {
        if (!BLOCK_STEPS.containsKey(name(call))) return signature(call, STEPS, 'step', BLOCK_STEPS.keySet())
        def words = arguments(call)
        if (!words || !(words[-1] instanceof ClosureExpression)) return complain(call, "step \"${name(call)}\" needs a block")
        signature(call, BLOCK_STEPS, 'step', [], words[0..<-1])
        steps(call)
    }

    /** Checks the arguments of a call against its signature in `known`. */
    private def signature(MethodCallExpression call, Map<String, String> known, String kind = 'value',
                           Collection<String> more = [], List<Expression> words = arguments(call)) {
        def what = name(call)
        if (!known.containsKey(what))
            return complain(call, "unknown $kind \"$what\"; known: ${(known.keySet() + more).sort().join(', ')}")
        def parameters = known[what].tokenize(' ').collectEntries { [(it.tokenize(':')[0]): it.tokenize(':')[1]] }
        def named = words.findAll { it instanceof MapExpression }
        def plain = words - named
        def given = [:]
        named.collectMany { it.mapEntryExpressions }.each {
            def key = it.keyExpression.text
            if (given.containsKey(key)) complain(it, "parameter \"$key\" of \"$what\" is there more than once")
            given[key] = it.valueExpression
        }
        if (plain && given) return complain(call, "named and unnamed arguments of \"$what\" cannot be mixed")
        if (plain.size() > Math.min(1, parameters.size())) return complain(call, "too many arguments of \"$what\"")
        if (plain) given[parameters.keySet()[0]] = plain[0]
        given.each { key, value ->
            def type = parameters[key]
            if (!type) return complain(value, "unknown parameter \"$key\" of \"$what\"; known: ${parameters.keySet().join(', ')}")
            if (!fits(value, type - '!')) complain(value, "parameter \"$key\" of \"$what\" is of type ${type - '!'}")
            inside(value)
        }
        parameters.findAll { it.value.endsWith('!') && !given.containsKey(it.key) }.each {
            complain(call, "missing required parameter \"$it.key\" of \"$what\"")
        }
    }

    /** Whether a value can be of the type: literals are judged, what is computed is not. */
    private static boolean fits(Expression value, String type) {
        if (value instanceof ClosureExpression) return false
        if (type == 'any') return true
        if (value instanceof ListExpression) return type == 'list'
        if (value instanceof MapExpression) return type == 'map'
        if (value instanceof GStringExpression) return type == 'string'
        if (value instanceof ConstantExpression)
            return type == [(String): 'string', (Integer): 'integer', (Boolean): 'boolean'][value.value?.class]
        true
    }

    /** Calls within a value: what makes a value is known, and nobody else is called. */
    private def inside(Expression value) {
        if (value instanceof ListExpression) value.expressions.each { inside(it) }
        else if (value instanceof MapExpression) value.mapEntryExpressions.each { inside(it.valueExpression) }
        else if (value instanceof MethodCallExpression) {
            if (value.implicitThis) signature(value, VALUES)
            else complain(value, 'no methods of objects outside of script blocks')
        }
    }

    /** The calls that a block consists of; `one` and `many` say what they should be. */
    private List<MethodCallExpression> statements(MethodCallExpression call, String one, String many) {
        def (calls, others) = filled(call, many).split { callOf(it) }
        others.each { complain(it, "expected $one, not: ${it.text.readLines()[0].take(60)}") }
        calls.collect { callOf(it) }
    }

    /** The statements of a call's block, which must not be empty. */
    private List<Statement> filled(MethodCallExpression call, String many) {
        def all = body(call)
        if (all == null) complain(call, "\"${name(call)}\" needs a block")
        else if (!all) complain(call, "no $many in ${name(call)}")
        all ?: []
    }

    private static List<Statement> body(MethodCallExpression call) {
        def words = arguments(call)
        words && words[-1] instanceof ClosureExpression ? (words[-1].code as BlockStatement).statements : null
    }

    private static MethodCallExpression callOf(Statement statement) {
        def expression = statement instanceof ExpressionStatement ? statement.expression : null
        expression instanceof MethodCallExpression && expression.implicitThis ? expression : null
    }

    private static String name(MethodCallExpression call) { call?.methodAsString }

    private static List<Expression> arguments(MethodCallExpression call) { (call.arguments as TupleExpression).expressions }
}
