/** One run of a Jenkinsfile: its log, its result, and where each of its threads stands. */
class Build {
    /** The worse the later. */
    static final List<String> RESULTS = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    final Map request
    final Job job
    final int number
    final File folder
    final File workspace
    final Scope scope = new Scope()
    final List<Map> stages = [].asSynchronized()
    final List<Integer> milestones = []
    final Map<String, Integer> tests = [total: 0, failed: 0]
    Map params = [:]
    List<String> changes
    String commit
    /** As steps have set it so far; null is as good as SUCCESS. */
    String result
    private final Map start
    private final ThreadLocal<Map> place = new ThreadLocal<Map>()

    Build(Map request, File home) {
        this.request = request
        job = Job.named(request.job)
        synchronized (job) { number = ++job.count }
        folder = new File(home, "jobs/$job.name/builds/$number")
        folder.mkdirs()
        workspace = new File(request.workspace)
        changes = request.changes ?: []
        def known = request.env + [
            BRANCH_NAME: request.branch, BUILD_ID: number, BUILD_NUMBER: number, BUILD_TAG: "jenkins-$job.name-$number",
            BUILD_URL: "$request.url/job/$job.name/$number/", CI: true, JENKINS_HOME: home.path, JENKINS_URL: "$request.url/",
            JOB_BASE_NAME: job.name, JOB_NAME: job.name, JOB_URL: "$request.url/job/$job.name/"]
        start = [scope: scope, node: false, secrets: [], folder: workspace, stage: null, shown: null,
                 env: known.findAll { it.value != null }.collectEntries { [(it.key): it.value as String] }]
    }

    /** Checks the file, runs it, and says what became of it. */
    Map run() {
        here(start)
        job.begin(this)
        try {
            def wrong = Grammar.complaints(request.text)
            wrong.each { log("WorkflowScript: $it") }
            Throwable error = wrong ? new RuntimeException("the Jenkinsfile is not right: ${wrong.size()} complaint(s)") : null
            if (!error) {
                def pipeline = new Pipeline(this)
                def binding = new Binding(pipeline: { Closure block -> error = pipeline.run(block) })
                new GroovyShell(binding).evaluate(request.text, 'WorkflowScript')
            }
            worsen(error ? resultOf(error) : 'SUCCESS')
            if (error) log("ERROR: ${error.message ?: error}")
        } catch (Throwable fault) {
            worsen('FAILURE')
            log("HARNESS: ${fault.toString()}")
            fault.stackTrace.findAll { it.fileName?.endsWith('.groovy') }.each { log("    at $it") }
        } finally {
            job.end(this)
            log("Finished: $result")
        }
        [result: result, stages: stages, tests: tests, commit: commit]
    }

    /** env, folder, node, scope, secrets, stage, shown (the result that post is told) at this point of this thread. */
    Map here() { place.get() }

    void here(Map changed) { place.set(changed) }

    def within(Map changes, Closure body) {
        def outer = here()
        here(outer + changes)
        try {
            body()
        } finally {
            here(outer)
        }
    }

    def withEnv(Map<String, String> more, Closure body) { within(env: here().env + more, body) }

    synchronized void worsen(String to) { result = worst(result, to) }

    static String worst(String... results) { results.findAll().max { RESULTS.indexOf(it) } }

    static String resultOf(Throwable error) { error instanceof Interruption ? error.result : 'FAILURE' }

    /** A line of the log, less the secrets that are bound here. */
    synchronized void log(String line) {
        // As it is, and as a trace writes it.
        def forms = here()?.secrets?.collectMany { [it, it.replace("'", "'\"'\"'")] }
        def secrets = forms?.findAll { it.size() >= 3 }?.sort { -it.size() }
        if (secrets) line = line.replaceAll(secrets.collect { java.util.regex.Pattern.quote(it) }.join('|'), '****')
        new File(folder, 'log').append(line + '\n', 'UTF-8')
    }
}
