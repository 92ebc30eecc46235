/** A step was stopped from outside: by a person, a timeout, another branch or a newer build. */
class Interruption extends RuntimeException {
    final String result

    Interruption(String result, String why) {
        super(why)
        this.result = result
    }
}
