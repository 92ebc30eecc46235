/** Processes that carry a mark in their environment, wherever they went: a session of their own hides nobody. */
class Processes {
    /** SIGTERM, and SIGKILL for those that are still there after `patience` milliseconds. */
    static void end(String mark, long patience) {
        def deadline = System.currentTimeMillis() + patience
        def asked = [] as Set
        for (def left = marked(mark); left; left = marked(mark)) {
            def late = System.currentTimeMillis() >= deadline
            if (System.currentTimeMillis() > deadline + 10_000) throw new IllegalStateException("SIGKILL does not end $left")
            def next = late ? left : left.findAll { asked.add(it) }
            if (next) ['sh', '-c', "kill -${late ? 'KILL' : 'TERM'} ${next.join(' ')}" as String].execute().waitFor()
            Thread.sleep(20)
        }
    }

    private static List<String> marked(String mark) {
        new File('/proc').list().findAll { it.isLong() }.findAll {
            try {
                new File("/proc/$it/environ").getText('ISO-8859-1').tokenize('\0').contains(mark)
            } catch (IOException gone) {
                false
            }
        }
    }
}
