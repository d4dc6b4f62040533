package dev.smalti.distributed;

/** Whose work a thread does. */
final class CurrentGroup {
    private static final ThreadLocal<Group> GROUP = ThreadLocal.withInitial(Group::alone);

    private CurrentGroup() {}

    static Group get() {
        return GROUP.get();
    }

    static void set(Group group) {
        GROUP.set(group);
    }
}
