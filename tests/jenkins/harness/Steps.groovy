import java.util.concurrent.TimeUnit

/** The steps, as real as can be: real shells, real git, real files. */
class Steps {
    final Build build
    final Credentials credentials

    Steps(Build build) {
        this.build = build
        credentials = new Credentials(build)
    }

    // --- what can be asked -------------------------------------------------------------------------

    Map getEnv() { build.here().env }

    Map getParams() { build.params }

    Map getCurrentBuild() {
        [number: build.number, result: build.here().shown ?: build.result,
         currentResult: build.here().shown ?: build.result ?: 'SUCCESS', previousBuild: build.job.previous(build)]
    }

    Map getScm() {
        build.request.scm ?: fail("'checkout scm' is for a Jenkinsfile that comes from a repository")
    }

    File getTemporary() { new File(build.workspace.path + '@tmp') }

    def propertyMissing(String name) {
        if (!env.containsKey(name)) throw new MissingPropertyException(name, Steps)
        env[name]
    }

    /** A step that is given its one argument without a name. */
    def methodMissing(String name, Object arguments) {
        def (words, body) = (arguments as List).split { !(it instanceof Closure) }
        if (words.size() != 1 || words[0] instanceof Map) throw new MissingMethodException(name, Steps, arguments as Object[])
        "$name"([(Grammar.first(name)): words[0]], *body)
    }

    // --- steps -------------------------------------------------------------------------------------

    def sh(Map how) {
        needsAgent()
        credentials.warn(how.script)
        def script = File.createTempFile('script', '.sh', temporary)
        script.setText(how.script as String, 'UTF-8')
        script.executable = true
        def cookie = "durable-${UUID.randomUUID()}" as String
        def (output, answer) = ['.log', '.out'].collect { new File(script.path + it) }
        def builder = new ProcessBuilder(how.script.startsWith('#!') ? [script.path] : ['sh', '-xe', script.path])
        builder.directory(build.here().folder)
        builder.environment().clear()
        builder.environment().putAll(env + [JENKINS_SERVER_COOKIE: cookie])
        // To files, so that a process which stays behind with an open descriptor holds nobody up.
        builder.redirectInput(new File('/dev/null')).redirectErrorStream(!how.returnStdout)
        builder.redirectOutput(how.returnStdout ? answer : output)
        if (how.returnStdout) builder.redirectError(output)
        def code = build.here().scope.running { follow(builder.start(), output, cookie, it) }
        if (code && !how.returnStatus) fail("script returned exit code $code")
        how.returnStdout ? answer.getText('UTF-8') : how.returnStatus ? code : null
    }

    /** Copies what a process says into the log until it ends; its exit code. Interrupted, it ends it first. */
    private int follow(Process process, File output, String cookie, Scope.Wait wait) {
        def told = false
        output.withInputStream { stream ->
            def rest = new ByteArrayOutputStream()
            def copy = {
                for (int octet = stream.read(); octet >= 0; octet = stream.read()) {
                    if (octet != 10) rest.write(octet)
                    else {
                        build.log(rest.toString('UTF-8'))
                        rest.reset()
                    }
                }
            }
            while (!process.waitFor(20, TimeUnit.MILLISECONDS)) {
                copy()
                if (wait.forced) throw wait.cause
                if (!wait.cause) continue
                if (!told) build.log('Sending interrupt signal to process')
                told = true
                // Again if need be: a process that has just begun is not marked yet.
                Processes.end("JENKINS_SERVER_COOKIE=$cookie", build.request.patience)
            }
            copy()
            if (rest.size()) build.log(rest.toString('UTF-8'))
        }
        if (wait.cause) throw wait.cause
        process.exitValue()
    }

    void echo(Map how) { (how.message as String).readLines().each { build.log(it) } }

    void error(Map how) { fail(how.message as String) }

    void unstable(Map how) {
        build.log("WARNING: $how.message")
        build.worsen('UNSTABLE')
        if (build.here().stage) build.here().stage.warning = 'UNSTABLE'
    }

    void junit(Map how) {
        needsAgent()
        def files = Globs.files(build.here().folder, how.testResults as String)
        if (!files && !how.allowEmptyResults) fail('No test report files were found. Configuration error?')
        def cases = files.collectMany { new XmlSlurper().parse(it).'**'.findAll { it.name() == 'testcase' } }
        def failed = cases.count { it.failure.size() + it.error.size() > 0 }
        build.tests.total += cases.size()
        build.tests.failed += failed
        if (failed) unstable(message: "$failed of ${cases.size()} tests failed")
    }

    void archiveArtifacts(Map how) {
        needsAgent()
        if (!keep(build.here().folder, how.artifacts as String, 'archive') && !how.allowEmptyArchive)
            fail("No artifacts found that match the file pattern \"$how.artifacts\". Configuration error?")
    }

    void publishHTML(Map how) {
        needsAgent()
        def report = new File(build.here().folder, how.target.reportDir as String)
        if (!keep(report, '**', "html/$how.target.reportName") && !how.target.allowMissing)
            fail("Specified HTML directory '$report' does not exist.")
    }

    private int keep(File from, String globs, String to) {
        Globs.files(from, globs).each { file ->
            def copy = new File(build.folder, "$to/${from.toPath().relativize(file.toPath())}")
            copy.parentFile.mkdirs()
            copy.bytes = file.bytes
        }.size()
    }

    void milestone(Map how) { build.job.milestone(build, how?.ordinal == null ? (build.milestones.max() ?: 0) + 1 : how.ordinal) }

    /** Brings the workspace to the branch's newest commit, and knows what changed since the build before. */
    Map<String, String> checkout(Map how) {
        needsAgent()
        def scm = how.scm ?: how // as in `checkout scm`: that is a map, too
        if (!new File(build.workspace, '.git').exists()) git('init', '--quiet')
        git('fetch', '--quiet', '--force', scm.url, "+refs/heads/$scm.branch:refs/remotes/origin/$scm.branch")
        git('checkout', '--quiet', '--force', '--detach', "origin/$scm.branch")
        build.commit = git('rev-parse', 'HEAD')
        def before = build.job.previous(build)?.commit
        build.changes = before ? git('diff', '--name-only', before, build.commit).readLines() : []
        build.log("Checking out Revision $build.commit (origin/$scm.branch)")
        [GIT_BRANCH: "origin/$scm.branch" as String, GIT_COMMIT: build.commit, GIT_URL: scm.url]
    }

    private String git(String... words) {
        def process = new ProcessBuilder(['git', *words]).directory(build.workspace).redirectErrorStream(true).start()
        def said = process.text.trim()
        if (process.waitFor()) fail("git ${words[0]}: $said")
        said
    }

    // --- steps around others -----------------------------------------------------------------------

    def dir(Map how, Closure body) {
        needsAgent()
        def folder = new File(how.path.startsWith('/') ? how.path as String : "${build.here().folder}/$how.path")
        folder.mkdirs()
        build.within(folder: folder, body)
    }

    def withEnv(Map how, Closure body) {
        build.withEnv(how.overrides.collectEntries { (it as String).split('=', 2) as List }, body)
    }

    def withCredentials(Map how, Closure body) { credentials.bound(how.bindings, body) }

    Map string(Map how) { how + [kind: 'text'] }

    Map file(Map how) { how + [kind: 'file'] }

    Map usernamePassword(Map how) { how + [kind: 'pair'] }

    def lock(Map how, Closure body) {
        build.log("Trying to acquire lock on [Resource: $how.resource]")
        holding("resource $how.resource") {
            build.log("Lock acquired on [Resource: $how.resource]")
            body()
        }
    }

    /** Runs the body while nobody else holds the name; waiting for it can be interrupted. */
    def holding(String name, Closure body) {
        if (!name) return body()
        def lock = Job.lock(name)
        build.here().scope.running { while (!lock.tryAcquire(20, TimeUnit.MILLISECONDS)) if (it.cause) throw it.cause }
        try {
            body()
        } finally {
            lock.release()
        }
    }

    def timeout(Map how, Closure body) {
        def scope = new Scope(build.here().scope)
        def expired = new Interruption('ABORTED', 'Timeout has been exceeded')
        def timer = new Timer(true)
        timer.runAfter(TimeUnit.valueOf(how.unit ?: 'MINUTES').toMillis(how.time) as int) {
            build.log('Cancelling nested steps due to timeout')
            scope.interrupt(expired)
            // What the body still does, post for one, has this long and no longer.
            timer.runAfter(build.request.grace as int) {
                build.log('Body did not finish within grace period; terminating with extreme prejudice')
                scope.interrupt(expired, true)
            }
        }
        try {
            build.within(scope: scope, body)
        } finally {
            timer.cancel()
        }
    }

    // --- what they share ---------------------------------------------------------------------------

    private void needsAgent() {
        if (!build.here().node) fail('Required context class hudson.FilePath is missing: there is no agent here')
    }

    private static void fail(String message) { throw new RuntimeException(message) }
}
