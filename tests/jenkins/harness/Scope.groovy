/**
 * A part of a build that is interrupted as a whole: all of it, a branch, what a timeout guards.
 *
 * Only running steps are stopped, as in Jenkins: whatever comes after them, such as post, runs as usual.
 */
class Scope {
    /** A step that runs; it looks here now and then. */
    static class Wait {
        volatile Interruption cause
        /** Nobody waits for its processes any longer. */
        volatile boolean forced
    }

    private final Scope outer
    private final List<Wait> waits = []
    private Interruption missed

    Scope(Scope outer = null) { this.outer = outer }

    /** Runs a body that looks at its Wait. An interruption that came between two steps meets the next one. */
    def running(Closure body) {
        def wait = new Wait()
        synchronized (Scope) {
            def late = around().find { it.missed }
            wait.cause = late?.missed
            late?.missed = null
            around().each { it.waits << wait }
        }
        try {
            body(wait)
        } finally {
            synchronized (Scope) { around().each { it.waits.removeAll { it.is(wait) } } }
        }
    }

    void interrupt(Interruption cause, boolean force = false) {
        synchronized (Scope) {
            if (!waits) missed = cause
            waits.each {
                it.cause = it.cause ?: cause
                it.forced = force
            }
        }
    }

    private List<Scope> around() { [this] + (outer ? outer.around() : []) }
}
