internal import CLinux
import Glibc
import Synchronization

/// Threads that stay, and do one piece of work after the other together with the caller.
///
/// A network is some twenty layers of a millisecond or less each. Threads that fall asleep after every layer are woken
/// where the scheduler likes. With something else to do that is often the processor of the caller: the two then take turns
/// on it, and no layer lasts long enough for the kernel to notice (a network of 14 milliseconds took 26). So the threads
/// may run anywhere but on the processor of the caller, and look for work a short while before they sleep.
///
/// Each thread begins with its own share, which is the same every time: what it worked on is still in its processor's
/// cache. Whoever is done takes pieces from the end of the others' shares, so that nobody waits for a thread that has not
/// begun, or whose processor has other work.
final class ThreadTeam: Sendable {
    static let shared = ThreadTeam()

    /// Someone works with the team; `members` belongs to that thread.
    private let isTaken = Atomic<Bool>(false)
    nonisolated(unsafe) private var members: [ThreadTeamMember] = []
    /// The caller's.
    private let share = WorkShare()

    /// Calls `body` with 0 ..< pieces, each once, on up to `threads` threads, and returns when all are done.
    ///
    /// - Returns: false, without having done anything, where the team works for somebody else (another thread, or the one
    ///   that calls this from within a piece) or the system gives no thread.
    func run(_ pieces: Int, threads: Int, _ body: @Sendable (_ piece: Int) -> Void) -> Bool {
        guard isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        defer { isTaken.store(false, ordering: .releasing) }
        while members.count < threads - 1 {
            guard let member = ThreadTeamMember() else { return false }
            members.append(member)
        }
        let helpers = members.prefix(threads - 1)
        let shares = [share] + helpers.map(\.share)
        for (thread, share) in shares.enumerated() {
            share.fill(pieces * thread / threads..<pieces * (thread + 1) / threads)
        }
        let processor = Int(linux_processor())
        withoutActuallyEscaping(body) { body in
            for (index, helper) in helpers.enumerated() {
                helper.keepOff(processor: processor)
                helper.assign { ThreadTeam.work(shares, own: index + 1, body) }
            }
            ThreadTeam.work(shares, own: 0, body)
            for helper in helpers { helper.finish() }
        }
        return true
    }

    private static func work(_ shares: [WorkShare], own: Int, _ body: (_ piece: Int) -> Void) {
        while let piece = shares[own].takeFirst() { body(piece) }
        for other in 1..<shares.count {
            while let piece = shares[(own + other) % shares.count].takeLast() { body(piece) }
        }
    }
}

/// Pieces that a thread begins with, and that others may take too.
final class WorkShare: Sendable {
    /// The first piece that is left in the lower half, the end in the upper.
    private let left = Atomic<UInt64>(0)

    func fill(_ pieces: Range<Int>) {
        left.store(UInt64(pieces.upperBound) << 32 | UInt64(pieces.lowerBound), ordering: .releasing)
    }

    func takeFirst() -> Int? {
        take { (Int($0 & 0xffff_ffff), $0 + 1) }
    }

    func takeLast() -> Int? {
        take { (Int($0 >> 32) - 1, $0 - 1 << 32) }
    }

    private func take(_ choose: (UInt64) -> (piece: Int, left: UInt64)) -> Int? {
        var now = left.load(ordering: .acquiring)
        while now & 0xffff_ffff < now >> 32 {
            let (piece, rest) = choose(now)
            let (exchanged, found) = left.weakCompareExchange(
                expected: now,
                desired: rest,
                ordering: .acquiringAndReleasing
            )
            if exchanged { return piece }
            now = found
        }
        return nil
    }
}
