import Daemon
import Foundation
import Glibc
import Platform
import Store
import Testing

@Suite("From inbox to queue", .enabled(if: TestService.program != nil, "contourd is not built"))
struct IntakeTests {
    @Test("A study becomes a series with one run: nested, without endings, beside junk, its bytes unchanged")
    func study() throws {
        let service = try TestService(), series = try TestSeries()
        try series.drop(into: service.inbox + "/Mustermann/2024/CT")
        try Data("notes".utf8).write(to: URL(fileURLWithPath: service.inbox + "/Mustermann/notes.txt"))
        symlink(series.files[0], service.inbox + "/Mustermann/link")
        mkfifo(service.inbox + "/Mustermann/pipe", 0o600)
        let digests = try series.files.map { try SHA256Digest.hex(ofFile: $0) }.sorted()
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let record = try #require(try service.store.series(seriesInstanceUID: series.uid))
        #expect(record.state == "sealed")
        let images = try service.store.instances(ofSeries: record.number)
        #expect(try images.map { try SHA256Digest.hex(ofFile: $0.storedPath ?? "") }.sorted() == digests)
        #expect(try Directory.list(service.inbox + "/Mustermann/2024/CT").isEmpty)
        #expect(try Directory.list(service.inbox + "/Mustermann").map(\.name) == ["2024", "link", "notes.txt", "pipe"])
        #expect(service.log.texts(.fileIgnored).count == 1)
    }

    @Test("A file that its writer holds open is not taken, however long it does not grow")
    func heldOpen() throws {
        let service = try TestService(), series = try TestSeries()
        let middle = series.files.count / 2
        let bytes = try Data(contentsOf: URL(fileURLWithPath: series.files[middle]))
        let path = service.inbox + "/a/held"
        let start = ContinuousClock.now
        var step = 0
        var writer: Int32 = -1
        try service.runIntake(until: {
            let elapsed = start.duration(to: .now)
            if step == 0 {
                try Directory.create(service.inbox + "/a")
                // Not inherited by the workers that this process starts: they would keep it open.
                writer = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
                try series.drop(series.files.indices.filter { $0 != middle }, into: service.inbox + "/a")
                step = 1
            } else if step == 1, elapsed > .milliseconds(900) {
                // As a sender that reserves room first: the header, and zeros where pixels will be.
                #expect(bytes.withUnsafeBytes { pwrite(writer, $0.baseAddress, 4000, 0) } == 4000)
                #expect(ftruncate(writer, bytes.count) == 0)
                step = 2
            } else if step == 2, elapsed > .milliseconds(2500) {
                #expect(Directory.exists(path), "taken while it was open")
                let rest = bytes.count - 4000
                #expect(bytes.withUnsafeBytes { pwrite(writer, $0.baseAddress! + 4000, rest, 4000) } == rest)
                #expect(close(writer) == 0)
                step = 3
            }
            // Whether it was still in time for the first run is another matter on a machine that is busy.
            return try service.images(of: series).count == series.files.count
        })
        #expect(step == 3)
        let taken = try service.images(of: series).map { try SHA256Digest.hex(ofFile: $0.storedPath ?? "") }
        #expect(taken.sorted() == (try series.files.map { try SHA256Digest.hex(ofFile: $0) }.sorted()))
    }

    @Test("The journal learns neither names of the inbox nor UIDs")
    func journalIsSilent() throws {
        let service = try TestService(), series = try TestSeries()
        try series.drop(into: service.inbox + "/Mustermann_Erika")
        try Data("no DICOM".utf8).write(to: URL(fileURLWithPath: service.inbox + "/Mustermann_Erika/Brief"))
        try Data(try Data(contentsOf: URL(fileURLWithPath: series.files[0])).prefix(3000))
            .write(to: URL(fileURLWithPath: service.inbox + "/Mustermann_Erika/cut"))
        try service.runIntake(until: {
            try service.runs(of: series).count == 1 && !service.log.texts(.fileQuarantined).isEmpty
        })
        let all = service.log.lines.flatMap { [$0.text] + $0.fields.values }.joined(separator: "\n")
        for secret in ["Mustermann", "Brief", "cut", service.folder.path, series.uid, "PHANTOM", "Phantom"] {
            #expect(!all.contains(secret))
        }
        #expect(all.contains("is arriving"))
    }

    @Test("A slice that comes late makes revision 2, with all slices")
    func lateSlice() throws {
        let service = try TestService(), series = try TestSeries(slices: 10)
        try series.drop(0..<9, into: service.inbox + "/a")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let again = try service.restarted()
        try series.drop([9], into: again.inbox + "/b")
        try again.runIntake(until: { try again.runs(of: series).count == 2 })
        let revisions = try again.runs(of: series)
        #expect(revisions.map(\.revision) == [1, 2])
        #expect(revisions.map(\.deliveredName) == [series.uid, "\(series.uid)-r2"])
        #expect(revisions[0].contentDigest != revisions[1].contentDigest)
    }

    @Test("The same file again is dropped; another one with its UID is set aside and told")
    func repeats() throws {
        let service = try TestService(), series = try TestSeries()
        try series.drop(into: service.inbox + "/a")
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let again = try service.restarted()
        try series.drop(into: again.inbox + "/again")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: series.files[0]))
        bytes[bytes.count - 1] ^= 1
        let conflicting = try again.folder.file("inbox/conflict")
        try bytes.write(to: URL(fileURLWithPath: conflicting))
        try again.runIntake(until: {
            let files = try Directory.list(again.inbox + "/again")
            return files.isEmpty && !again.log.texts(.fileQuarantined).isEmpty
        })
        #expect(try again.runs(of: series).count == 1)
        #expect(again.log.texts(.fileRepeated).first?.hasPrefix("9 files") == true)
        let set = try #require(try again.store.instances(in: .quarantined).first)
        #expect(set.code == "E_CONFLICTING_INSTANCES")
        // Shown with the series that it conflicts with, as the repeated ones are.
        let number = try #require(try again.store.series(seriesInstanceUID: series.uid)?.number)
        #expect(set.seriesNumber == number && set.reason?.contains("series \(number)") == true)
        #expect(try again.store.instances(ofSeries: number).filter { $0.state == .repeated }.count == 9)
        #expect(try Data(contentsOf: URL(fileURLWithPath: set.storedPath ?? "")) == bytes)
    }

    @Test("A file that ends too early is taken when it has grown to its end")
    func growingFile() throws {
        let service = try TestService { $0.inbox.truncatedAfterSeconds = 20 }
        let series = try TestSeries()
        try series.drop(1..<9, into: service.inbox)
        let whole = try Data(contentsOf: URL(fileURLWithPath: series.files[0]))
        let growing = try service.folder.file("inbox/growing", "")
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: growing))
        let intake = Unchecked(try Intake(service.context))
        var hasGrown = false
        try service.run(
            { intake.value.run() },
            until: {
                let images =
                    try service.store.series(seriesInstanceUID: series.uid)
                    .map { try service.store.instances(ofSeries: $0.number).count { $0.state == .image } } ?? 0
                if images == 8 && !hasGrown {
                    #expect(Directory.exists(growing))
                    try whole.write(to: URL(fileURLWithPath: growing))
                    hasGrown = true
                }
                return images == 9
            }
        )
        #expect(try service.store.instances(in: .quarantined).isEmpty)
        #expect(!Directory.exists(growing))
    }

    @Test("A series with a gap waits and says for what; the missing slice completes it")
    func gap() throws {
        let service = try TestService { $0.series.incompleteAfterSeconds = 600 }
        let series = try TestSeries(slices: 10)
        try series.drop((0..<10).filter { $0 != 4 }, into: service.inbox)
        let intake = Unchecked(try Intake(service.context))
        var isSent = false
        try service.run(
            { intake.value.run() },
            until: {
                if let told = service.log.texts(.seriesWaiting).first, !isSent {
                    #expect(told.contains("missing slices between images 4 and 6"))
                    let record = try service.store.series(seriesInstanceUID: series.uid)
                    #expect(record?.waitingFor?.contains("refused after 600 s without them") == true)
                    try series.drop([4], into: service.inbox + "/late")
                    isSent = true
                }
                return try service.runs(of: series).count == 1
            }
        )
        #expect(try service.runs(of: series).map(\.revision) == [1])
    }

    @Test("A marker ends the wait at once, is removed, and its empty folder with it")
    func marker() throws {
        let service = try TestService {
            $0.series.quietSeconds = 3600; $0.series.incompleteAfterSeconds = 3600
        }
        let series = try TestSeries()
        try series.drop(into: service.inbox + "/study/CT")
        try Data().write(to: URL(fileURLWithPath: service.inbox + "/study/.done"))
        try service.runIntake(until: {
            try service.runs(of: series).count == 1 && !Directory.exists(service.inbox + "/study")
        })
        #expect(Directory.exists(service.inbox))
    }

    @Test("A marker in the inbox itself speaks for what lay there, and for nobody's folder")
    func markerInInbox() throws {
        let service = try TestService {
            $0.series.quietSeconds = 3600; $0.series.incompleteAfterSeconds = 3600
        }
        let loose = try TestSeries(), other = try TestSeries(seed: 2)
        try other.drop(into: service.inbox + "/bob")
        try loose.drop(into: service.inbox)
        try Data().write(to: URL(fileURLWithPath: service.inbox + "/scan.done"))
        try service.runIntake(until: { try service.runs(of: loose).count == 1 })
        #expect(try service.runs(of: other).isEmpty)
        #expect(!Directory.exists(service.inbox + "/scan.done"))
    }

    @Test("A file that kills its reader is set aside after two attempts, and keeps no other waiting")
    func killer() throws {
        let scripts = try TemporaryFolder(), series = try TestSeries()
        let program = try TestService.worker(
            """
            exec 3> >(exec "\(TestService.program ?? "")" --worker)
            while read -r line; do case $line in
                *killer*) echo '{"reading":{}}'; kill -SEGV $$;;
                *) printf '%s\\n' "$line" >&3;;
            esac; done
            """,
            in: scripts
        )
        let service = try TestService(program: program)
        try series.drop(1..<9, into: service.inbox, prefix: "b")
        try series.drop([0], into: service.inbox, prefix: "a-killer")
        try service.runIntake(until: {
            try !service.store.instances(in: .quarantined).isEmpty && service.runs(of: series).count == 1
        })
        let set = try #require(try service.store.instances(in: .quarantined).first)
        #expect(set.code == "E_PARSER_CRASHED")
        #expect(try Directory.list(service.context.state.quarantine).map(\.name) == ["\(set.number).dcm"])
    }

    /// A worker that is killed from outside while it reads the first image, so many times.
    private func killed(_ times: Int, in scripts: TemporaryFolder) throws -> String {
        try TestService.worker(
            """
            exec 3> >(exec "\(TestService.program ?? "")" --worker)
            while read -r line; do
                if [[ $line == *IM0* && $(cat "$0.kills" 2>/dev/null | wc -l) -lt \(times) ]]; then
                    echo >>"$0.kills"; echo '{"reading":{}}'; kill -9 $$
                fi
                printf '%s\\n' "$line" >&3
            done
            """,
            in: scripts
        )
    }

    @Test("A reader that is killed from outside says nothing about the file: it is read again, and taken")
    func killedReader() throws {
        let scripts = try TemporaryFolder(), series = try TestSeries()
        let service = try TestService(program: killed(5, in: scripts))
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(try service.images(of: series).count == 9)
        #expect(try service.store.instances(in: .quarantined).isEmpty)
        let told = service.log.texts(.intakeTrouble)
        #expect(told.contains { $0.contains("was killed (signal 9)") && $0.contains("lack of memory") }, "\(told)")
    }

    @Test(
        "While a reader that was killed pauses, its series waits for the file to be read, and nobody says that it is being written"
    )
    func pausingReader() throws {
        let scripts = try TemporaryFolder(), series = try TestSeries(promises: false)
        let service = try TestService(program: killed(1000, in: scripts)) { $0.retry.firstDelaySeconds = 600 }
        try series.drop(0..<8, into: service.inbox, prefix: "b")
        // The last slice: without it nothing is visibly missing.
        try series.drop([8], into: service.inbox, prefix: "IM0")
        func reason() throws -> String? { try service.store.series(seriesInstanceUID: series.uid)?.waitingFor }
        try service.runIntake(until: { try reason()?.contains("to be read again") == true })
        #expect(try reason()?.contains("to be written") == false)
    }

    @Test("A file whose reader is killed each time is set aside at last, with words that do not call it damaged")
    func alwaysKilledReader() throws {
        let scripts = try TemporaryFolder(), series = try TestSeries()
        let service = try TestService(program: killed(1000, in: scripts)) { $0.retry.maximumAttempts = 4 }
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let set = try #require(try service.store.instances(in: .quarantined).first)
        #expect(set.code == "E_WORKER_KILLED")
        #expect(set.reason?.contains("killed 4 times") == true && set.reason?.contains("may be whole") == true)
        let request = try #require(try service.runs(of: series).first).request
        #expect(request.contains("could not be read"))
    }

    @Test("A reader that is killed while it waits for work costs no file an attempt")
    func idleReader() throws {
        let scripts = try TemporaryFolder(), series = try TestSeries()
        let program = try TestService.worker(
            """
            exec 3> >("\(TestService.program ?? "")" --worker | tee "$0.$$")
            read -r line; printf '%s\\n' "$line" >&3
            # It says that it reads, and what it read: both lines are out before they are in the file.
            while (($(cat "$0.$$" 2>/dev/null | wc -l) < 2)); do sleep 0.02; done
            kill -9 $$
            """,
            in: scripts
        )
        let service = try TestService(program: program) { $0.retry.maximumAttempts = 1 }
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        #expect(try service.images(of: series).count == 9)
        #expect(service.log.texts(.intakeTrouble).isEmpty)
    }

    @Test("A reader that ends before it looks at a file leaves the files where they are, and says so once")
    func endingReader() throws {
        let scripts = try TemporaryFolder(), series = try TestSeries()
        let service = try TestService(program: TestService.worker("read -r line; exit 7", in: scripts))
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try service.store.instances(in: .parsing).count == 9 })
        #expect(try Directory.list(service.inbox).count == 9)
        #expect(try service.store.instances(in: .parsing).allSatisfy { $0.attempts == 0 })
        #expect(service.log.texts(.intakeTrouble).count == 1)
        #expect(service.log.texts(.intakeTrouble).first?.contains("exit status 7") == true)
    }

    @Test("A reader that does not start leaves the files where they are, and says so once")
    func noReader() throws {
        let service = try TestService(program: "/nonexistent/contourd"), series = try TestSeries()
        try series.drop(into: service.inbox)
        try service.runIntake(until: { service.log.texts(.intakeTrouble).count == 1 })
        #expect(try Directory.list(service.inbox).count == 9)
        #expect(try service.store.instances(in: .parsing).allSatisfy { $0.attempts == 0 })
    }

    @Test("Polling takes files without any hint")
    func polling() throws {
        let service = try TestService {
            $0.inbox.polling = .always; $0.inbox.pollSeconds = 0.2
        }
        let series = try TestSeries()
        let intake = Unchecked(try Intake(service.context))
        try intake.value.recover()
        try series.drop(into: service.inbox)
        try service.run({ intake.value.run() }, until: { try service.runs(of: series).count == 1 })
        #expect(service.log.texts(.inboxPolled).count == 1)
    }
}
