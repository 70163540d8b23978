internal import CLinux
import Dispatch
import Glibc
import Synchronization

/// One thread of a team. Whoever has the team gives it something to do and then waits for it.
final class ThreadTeamMember: Sendable {
    private enum State {
        static let idle = 0
        /// Wants a signal when work comes.
        static let asleep = 1
        static let assigned = 2
        static let running = 3
        /// The same, and somebody sleeps until it is done.
        static let awaited = 4
    }

    /// Looks at the state before falling asleep, some 50 microseconds: longer than what lies between two layers.
    private static let patience = 2000

    let share = WorkShare()
    private let state = Atomic<Int>(State.idle)
    private let awake = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)
    /// Written by the caller before `assigned`, read by the thread after it.
    nonisolated(unsafe) private var work: (@Sendable () -> Void)?
    /// Its number at the kernel, 0 until it runs.
    private let thread = Atomic<Int>(0)
    /// The processor that it stays away from.
    private let avoided = Atomic<Int>(-1)

    /// nil where the system gives no thread.
    init?() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        // The thread lives as long as the process, and holds its member that long.
        let own = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread,
            &attributes,
            { own in
                Unmanaged<ThreadTeamMember>.fromOpaque(own!).takeUnretainedValue().serve()
                return nil
            },
            own.toOpaque()
        )
        if failure != 0 {
            own.release()
            return nil
        }
    }

    /// Asks the kernel only when the caller has moved.
    func keepOff(processor: Int) {
        let thread = thread.load(ordering: .relaxed)
        guard thread != 0, avoided.exchange(processor, ordering: .relaxed) != processor else { return }
        linux_keep_off_processor(Int32(thread), Int32(processor))
    }

    func assign(_ work: @escaping @Sendable () -> Void) {
        self.work = work
        let before = state.exchange(State.assigned, ordering: .acquiringAndReleasing)
        if before == State.asleep { awake.signal() }
    }

    /// Takes work back that has not begun, and waits for what has.
    func finish() {
        if change(State.assigned, to: State.idle) {
            work = nil
            return
        }
        for _ in 0..<ThreadTeamMember.patience {
            guard state.load(ordering: .acquiring) == State.running else { return }
            linux_pause()
        }
        if change(State.running, to: State.awaited) { done.wait() }
    }

    private func change(_ from: Int, to: Int) -> Bool {
        state.compareExchange(expected: from, desired: to, ordering: .acquiringAndReleasing).exchanged
    }

    private func serve() {
        thread.store(Int(linux_thread()), ordering: .relaxed)
        while true {
            waitForWork()
            guard change(State.assigned, to: State.running) else { continue }
            work?()
            work = nil
            let before = state.exchange(State.idle, ordering: .acquiringAndReleasing)
            if before == State.awaited { done.signal() }
        }
    }

    private func waitForWork() {
        for _ in 0..<ThreadTeamMember.patience {
            if state.load(ordering: .acquiring) == State.assigned { return }
            linux_pause()
        }
        if change(State.idle, to: State.asleep) { awake.wait() }
    }
}
