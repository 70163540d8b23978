import Daemon
import Foundation
import Logging
import Testing

@Suite("Journal")
struct JournalTests {
    @Test("Every kind of entry has an explanation in the catalog, and every explanation its kind")
    func catalogIsComplete() throws {
        let entries = try catalog()
        #expect(Set(entries.keys) == Set(JournalEvent.allCases.map(\.rawValue)))
        for (id, text) in entries {
            #expect(text.contains(/(?m)^Subject: \S.*$/), "\(id) has no subject")
            #expect(text.contains("Defined-By: contourd"))
            let words = text.split(separator: "\n\n", maxSplits: 1).last ?? ""
            #expect(words.count > 60, "\(id) explains nothing")
        }
    }

    @Test("The catalog names only fields that entries have")
    func catalogFields() throws {
        let fields = JournalFields(series: 1, run: 2, stage: "segment", attempt: 3, fault: "E", durationMS: 4)
        let known = Set(fields.metadata.keys)
        for (id, text) in try catalog() {
            for field in text.matches(of: /@([A-Z_]+)@/) { #expect(known.contains(String(field.1)), "\(id)") }
        }
    }

    @Test("MESSAGE_IDs are 128 bits in hexadecimal, each its own")
    func identifiers() {
        let ids = JournalEvent.allCases.map(\.rawValue)
        #expect(Set(ids).count == ids.count)
        for id in ids { #expect(id.wholeMatch(of: /[0-9a-f]{32}/) != nil) }
    }

    private func catalog() throws -> [String: String] {
        let parts = try Project.text("systemd/contourd.catalog").components(separatedBy: "\n-- ").dropFirst()
        return Dictionary(uniqueKeysWithValues: parts.map { (String($0.prefix(32)), String($0.dropFirst(33))) })
    }
}

@Suite("Watchdog")
struct LivenessTests {
    @Test("It is fed as long as every part makes progress, and stops when one hangs")
    func hangingPart() {
        let fed = Counter()
        let liveness = Liveness(watchdog: .seconds(100)) { fed.count() }
        let start = ContinuousClock.now
        for second in 0..<50 {
            liveness.beat(.intake, at: start + .seconds(second))
            liveness.beat(.dispatcher(0), at: start + .seconds(second))
        }
        let before = fed.value
        #expect(before >= 25)
        // The intake hangs from now on; the dispatcher goes on.
        for second in 50..<99 { liveness.beat(.dispatcher(0), at: start + .seconds(second)) }
        let stillPatient = fed.value
        for second in 99..<200 { liveness.beat(.dispatcher(0), at: start + .seconds(second)) }
        #expect(stillPatient > before)
        #expect(fed.value == stillPatient)
        liveness.beat(.intake, at: start + .seconds(200))
        #expect(fed.value == stillPatient + 1)
    }

    @Test("A part that ended in order is waited for no more")
    func endedPart() {
        let fed = Counter()
        let liveness = Liveness(watchdog: .seconds(10)) { fed.count() }
        let start = ContinuousClock.now
        liveness.beat(.intake, at: start)
        liveness.end(.intake)
        liveness.beat(.control, at: start + .seconds(60))
        #expect(fed.value == 2)
    }

    @Test("Parts sleep less than the watchdog's patience; without a watchdog nothing is fed")
    func sleep() {
        #expect(Liveness(watchdog: .seconds(4)) {}.longestSleep <= 1)
        let fed = Counter()
        let liveness = Liveness(watchdog: nil) { fed.count() }
        liveness.beat(.intake)
        #expect(fed.value == 0)
        #expect(liveness.longestSleep == 15)
    }
}
