import java.util.concurrent.Semaphore

/** What outlives a build: its number, what became of those before, who waits for whom. */
class Job {
    private static final Map<String, Job> JOBS = [:]
    private static final Map<String, Semaphore> LOCKS = [:]

    String name
    int count = 0
    /** Of finished builds: number, result, commit. */
    final List<Map> history = []
    final List<Build> running = []

    static Job named(String name) { synchronized (JOBS) { JOBS.computeIfAbsent(name) { new Job(name: name) } } }

    /** One for all jobs. */
    static Semaphore lock(String name) { synchronized (LOCKS) { LOCKS.computeIfAbsent(name) { new Semaphore(1, true) } } }

    synchronized void begin(Build build) { running << build }

    synchronized void end(Build build) {
        running.remove(build)
        history << [number: build.number, result: build.result, currentResult: build.result, commit: build.commit]
    }

    Map previous(Build build) { history.findAll { it.number < build.number }.max { it.number } }

    /** A build passes a milestone: older ones that have not are superseded, and may not pass later. */
    synchronized void milestone(Build build, int ordinal) {
        if (ordinal <= (build.milestones.max() ?: -1)) throw new RuntimeException("milestone $ordinal is out of order")
        def newer = running.find { it.number > build.number && (it.milestones.max() ?: -1) >= ordinal } ?:
            history.find { it.number > build.number }
        if (newer) throw new Interruption('NOT_BUILT', "Superseded by #$newer.number")
        supersede(build) { it.milestones && it.milestones.max() < ordinal }
        build.milestones << ordinal
    }

    /** Ends the older builds for which the condition holds. */
    synchronized void supersede(Build build, Closure condition) {
        running.findAll { it.number < build.number && condition(it) }.each {
            it.scope.interrupt(new Interruption('NOT_BUILT', "Superseded by #$build.number"))
        }
    }
}
