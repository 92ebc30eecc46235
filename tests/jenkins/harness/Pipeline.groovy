/** The declarative semantics: what runs in which order, inside of what, and what is skipped. */
class Pipeline {
    private final Build build
    private final Steps steps

    Pipeline(Build build) {
        this.build = build
        steps = new Steps(build)
    }

    private List<List> said(Closure block) {
        if (!block) return []
        def words = new Words(steps)
        follow(block, words)
        words.@said
    }

    private Map section(Closure block) { said(block).collectEntries { [(it[0]): it[1]] } }

    private def follow(Closure block, Object delegate) {
        block = block.clone() as Closure
        block.delegate = delegate
        block.resolveStrategy = Closure.DELEGATE_ONLY
        block()
    }

    /** Runs the whole pipeline. Gives the first error; throws none. */
    Throwable run(Closure block) {
        def root = section(block)
        def options = said(root.options)
        build.params = said(root.parameters).collectEntries { kind, how ->
            [(how.name): how.choices ? how.choices[0] : how.defaultValue ?: (kind == 'string' ? '' : false)]
        } + build.request.params
        build.here(build.here() + [env: build.here().env + build.params.collectEntries { [(it.key): "$it.value" as String] }])
        def alone = options.find { it[0] == 'disableConcurrentBuilds' }
        if (alone?.size() > 1 && alone[1].abortPrevious) build.job.supersede(build) { true }
        Throwable error = null
        def told = false
        try {
            steps.holding(alone ? "job $build.job.name" : null) {
                onAgent(root.agent, options) {
                    withVariables(root.environment) {
                        wrapped(options) {
                            error = sequence(root.stages, options)
                            told = true
                            error = post(root.post, error, 'Declarative: Post Actions')
                            if (error) throw error
                        }
                    }
                }
            }
        } catch (Throwable e) {
            error = error ?: e
        }
        // Without an agent, for who never got one or lost it: steps that need one fail here, as in Jenkins.
        told ? error : post(root.post, error, 'Declarative: Post Actions')
    }

    private Throwable sequence(Closure stages, List options, Throwable error = null, String skipped = null) {
        said(stages).each { error = stage(it[1], it[2], options, error, skipped) }
        error
    }

    /** Runs or skips a stage. Gives the first error, which may be an earlier one. */
    private Throwable stage(String name, Closure block, List options, Throwable error, String skipped) {
        def record = [name: name, within: build.here().stage?.name, result: null, skipped: null, seconds: 0.0]
        build.stages << record
        def began = System.nanoTime()
        build.within(stage: record, env: build.here().env + [STAGE_NAME: name]) {
            build.log("[Pipeline] { ($name)")
            if (!skipped && error) skipped = 'earlier failure(s)'
            if (!skipped && build.result == 'UNSTABLE' && options.any { it[0] == 'skipStagesAfterUnstable' })
                skipped = 'earlier stage(s) marking the build as unstable'
            def stage = section(block)
            if (!skipped) (error, skipped) = work(stage, options)
            if (skipped) {
                build.log("Stage \"$name\" skipped due to $skipped")
                said(stage.parallel ?: stage.stages).each { this.stage(it[1], it[2], options, error, skipped) }
            }
        }
        record.skipped = skipped
        record.result = skipped ? 'NOT_BUILT' : error ? Build.resultOf(error) : record.warning ?: 'SUCCESS'
        record.seconds = (System.nanoTime() - began) / 1e9
        error
    }

    /** What a stage does: gives its error, and the reason if its conditions were not met. */
    private List work(Map stage, List options) {
        Throwable error = null
        Boolean met = null
        def (flags, conditions) = said(stage.when).split { it[0] in Grammar.WHEN_FLAGS }
        def asked = { boolean now ->
            if (met == null && now) met = conditions.every { condition(it) }
            met != false
        }
        def early = { String flag -> flags.any { it[0] == flag && it[1] } }
        try {
            if (asked(early('beforeOptions'))) wrapped(said(stage.options)) {
                if (asked(early('beforeAgent'))) onAgent(stage.agent, options + said(stage.options)) {
                    if (asked(true)) withVariables(stage.environment) {
                        if (stage.parallel) {
                            error = branches(stage, options)
                        } else {
                            if (stage.stages) error = sequence(stage.stages, options)
                            else try { follow(stage.steps, steps) } catch (Throwable e) { error = e }
                            error = post(stage.post, error)
                        }
                        if (error) throw error
                    }
                }
            }
        } catch (Throwable e) {
            error = error ?: e
        }
        if (stage.parallel && met) error = post(stage.post, error)
        [error, met == false ? 'when conditional' : null]
    }

    private Throwable branches(Map stage, List options) {
        def here = build.here()
        def branches = said(stage.parallel).collect { [name: it[1], block: it[2], scope: new Scope(here.scope)] }
        def failFast = stage.failFast || options.any { it[0] == 'parallelsAlwaysFailFast' }
        Throwable first = null
        branches.collect { branch ->
            Thread.start {
                build.here(here + [scope: branch.scope])
                def error = this.stage(branch.name, branch.block, options, null, null)
                synchronized (branches) {
                    if (error && !first && failFast)
                        (branches - branch).each { it.scope.interrupt(new Interruption('ABORTED', "Failed in branch $branch.name")) }
                    first = first ?: error
                }
            }
        }*.join()
        first
    }

    private boolean condition(List call) {
        switch (call[0]) {
            case 'allOf': return said(call[1]).every { condition(it) }
            case 'anyOf': return said(call[1]).any { condition(it) }
            case 'not': return !condition(said(call[1])[0])
            case 'expression': return follow(call[1], steps) as boolean
            case 'branch': return steps.env.BRANCH_NAME && Globs.matches(call[1] as String, steps.env.BRANCH_NAME)
            case 'changeset': return build.changes.any { Globs.matches((call[1] as String).toLowerCase(), it.toLowerCase()) }
            case 'environment': return steps.env[call[1].name] == call[1].value as String
            case 'triggeredBy': return build.request.cause == call[1] as String
        }
    }

    /** Runs the conditions that hold, in the documented order. What fails here counts for those after it. */
    private Throwable post(Closure block, Throwable error, String title = null) {
        def wanted = section(block)
        if (wanted && title) build.log("[Pipeline] { ($title)")
        Grammar.POST.findAll { wanted[it] }.each { name ->
            def result = Build.worst(build.result, error ? Build.resultOf(error) : 'SUCCESS')
            if (!holds(name, result)) return
            try {
                build.within(shown: result) { follow(wanted[name], steps) }
            } catch (Throwable e) {
                build.log("Error when executing $name post condition: ${e.message ?: e}")
                error = error ?: e
            }
        }
        error
    }

    private boolean holds(String condition, String result) {
        def before = build.job.previous(build)?.result ?: build.request.previous
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'changed': return result != before
            case 'fixed': return result == 'SUCCESS' && before in ['FAILURE', 'UNSTABLE']
            case 'regression': return before && Build.RESULTS.indexOf(result) > Build.RESULTS.indexOf(before)
            case 'unsuccessful': return result != 'SUCCESS'
            case 'notBuilt': return result == 'NOT_BUILT'
            default: return result == condition.toUpperCase()
        }
    }

    private def onAgent(String agent, List options, Closure body) {
        if (agent != 'any') return body()
        def cookie = "${UUID.randomUUID()}" as String
        build.workspace.mkdirs()
        steps.temporary.mkdirs()
        try {
            build.within(node: true, folder: build.workspace, env: build.here().env + [
                    EXECUTOR_NUMBER: '0', JENKINS_NODE_COOKIE: cookie, NODE_NAME: 'built-in', WORKSPACE: build.workspace.path,
                    WORKSPACE_TMP: steps.temporary.path]) {
                def skip = options.find { it[0] == 'skipDefaultCheckout' }
                if (!build.request.scm || skip && (skip.size() == 1 || skip[1])) body()
                else build.withEnv(steps.checkout(steps.scm), body)
            }
        } finally {
            Processes.end("JENKINS_NODE_COOKIE=$cookie", build.request.patience)
        }
    }

    private def withVariables(Closure block, Closure body) {
        if (!block) return body()
        def variables = new Variables(steps)
        follow(block, variables)
        build.within(env: build.here().env + variables.values, secrets: build.here().secrets + variables.secrets, body)
    }

    /** Options that are steps around the rest: the first one is the outermost. */
    private void wrapped(List<List> options, Closure body) {
        options.findAll { Grammar.BLOCK_STEPS.containsKey(it[0]) }.reverse().inject(body) { inner, option ->
            { -> steps."${option[0]}"(option[1], inner) }
        }.call()
    }
}
