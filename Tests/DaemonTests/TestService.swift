import Daemon
import Dicom
import Foundation
import Logging
import Pipeline
import Platform
import Store
import Synchronization
import Testing

/// Counts calls from any thread.
final class Counter: Sendable {
    private let number = Mutex(0)
    var value: Int { number.withLock { $0 } }
    func count() { number.withLock { $0 += 1 } }
}

/// What the service would have said to the journal.
final class RecordedLog: Sendable {
    struct Line: Sendable {
        var text: String
        var fields: [String: String]
    }

    private let recorded = Mutex<[Line]>([])
    var lines: [Line] { recorded.withLock { $0 } }
    func add(_ line: Line) { recorded.withLock { $0.append(line) } }

    func texts(_ event: JournalEvent) -> [String] {
        lines.filter { $0.fields["MESSAGE_ID"] == event.rawValue }.map(\.text)
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).mapValues { "\($0)" }
            log.add(Line(text: "\(event.message)", fields: fields))
        }
    }
}

/// The parts of a service in a folder of their own, with times that suit a test.
final class TestService: Sendable {
    let folder: TemporaryFolder
    let log = RecordedLog()
    let context: ServiceContext

    /// contourd as it was built beside this test; nil when it was not.
    static let program: String? = {
        let named = ProcessInfo.processInfo.environment["CONTOURD_BIN"]
        let bundle = Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        let path = "\(named ?? (bundle as NSString).deletingLastPathComponent)/contourd"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static let wallClock: @Sendable () -> Int64 = { Int64((Date().timeIntervalSince1970 * 1000).rounded()) }

    init(
        program: String? = nil,
        change: (inout Configuration) -> Void = { _ in },
        now: @escaping @Sendable () -> Int64 = TestService.wallClock
    ) throws {
        signal(SIGPIPE, SIG_IGN)  // as contourd does
        folder = try TemporaryFolder()
        var configuration = Configuration()
        configuration.folders.state = folder.path + "/state"
        configuration.folders.inbox = folder.path + "/inbox"
        configuration.folders.outbox = folder.path + "/outbox"
        configuration.control.socket = folder.path + "/control.sock"
        configuration.inbox.settleSeconds = 0.1
        configuration.inbox.truncatedAfterSeconds = 1
        configuration.series.quietSeconds = 0.3
        configuration.series.incompleteAfterSeconds = 3
        configuration.outbox.minimumFreeMB = 0
        configuration.work.threads = 1
        configuration.retry.firstDelaySeconds = 0
        change(&configuration)
        let state = StateFolder(path: configuration.folders.state)
        try state.create()
        try Directory.create(configuration.folders.inbox)
        try Directory.create(configuration.folders.outbox)
        context = try ServiceContext(
            store: try Store(path: state.database, now: now),
            logger: log.logger,
            state: state,
            program: program ?? Self.program ?? "/bin/false",
            configurationPath: nil,
            settings: .init(
                configuration: configuration,
                models: [ModelChoice(name: "lungs", directory: "/models/lungs", digest: "m")]
            )
        )
    }

    var store: Store { context.store }
    var inbox: String { context.configuration.folders.inbox }
    var outbox: String { context.configuration.folders.outbox }

    /// A program that behaves like a worker of this kind.
    static func worker(_ script: String, in folder: TemporaryFolder) throws -> String {
        let path = try folder.file("worker", "#!/bin/bash\n\(script)\n")
        chmod(path, 0o755)
        return path
    }

    /// Runs a part on a thread until a condition holds, then stops it.
    func run(
        _ part: @escaping @Sendable () -> Void,
        until condition: () throws -> Bool,
        seconds: Double = 30,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let end = DispatchSemaphore(value: 0)
        let thread = Thread {
            part()
            end.signal()
        }
        thread.start()
        let deadline = ContinuousClock.now + .seconds(seconds)
        var holds = try condition()
        while !holds && .now < deadline {
            usleep(20_000)
            holds = try condition()
        }
        context.stop()
        #expect(end.wait(timeout: .now() + 20) == .success, "it does not end", sourceLocation: sourceLocation)
        #expect(holds, "not within \(seconds) s; said: \(log.lines.map(\.text))", sourceLocation: sourceLocation)
    }

    /// Runs the intake until a condition holds.
    func runIntake(
        until condition: () throws -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let intake = Unchecked(try Intake(context))
        try intake.value.recover()
        try run({ intake.value.run() }, until: condition, sourceLocation: sourceLocation)
    }

    /// The same folders with a service that is started anew.
    func restarted() throws -> TestService { try TestService(after: self) }

    private init(after other: TestService) throws {
        folder = other.folder
        try other.store.close()
        context = try ServiceContext(
            store: try Store(path: other.context.state.database, now: other.store.now),
            logger: log.logger,
            state: other.context.state,
            program: other.context.program,
            configurationPath: nil,
            settings: other.context.current
        )
    }
}

/// Hands a value that one thread made to the one thread that uses it from then on.
struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Small CT series for the inbox.
struct TestSeries {
    let folder: TemporaryFolder
    let uid: String
    /// In the order of their slices.
    let files: [String]

    /// - Parameter promises: the headers tell how many images there are.
    init(seed: UInt64 = 1, slices: Int = 9, promises: Bool = true) throws {
        folder = try TemporaryFolder()
        let request = PhantomRequest(
            seed: seed,
            columns: 64,
            rows: 64,
            slices: slices,
            spacing: .init(6, 6, 8),
            signs: try #require(AxisSigns("+x+y+z")),
            noiseHU: 0,
            withTruth: true
        )
        let written = try writePhantom(request, to: folder.path + "/phantom", threads: 1)
        uid = written.seriesInstanceUID
        let ct = folder.path + "/phantom/ct"
        files = try Directory.list(ct).map { "\(ct)/\($0.name)" }
        for path in promises ? [] : files {
            var file = try DicomFile(contentsOf: path)
            file.dataSet.remove(.imagesInAcquisition)
            try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
        }
    }

    var reference: String { folder.path + "/phantom/truth/rtstruct.dcm" }

    /// Copies some of the slices.
    func drop(_ slices: some Collection<Int>, into folder: String, prefix: String = "IM") throws {
        try Directory.create(folder)
        for slice in slices {
            try FileManager.default.copyItem(atPath: files[slice], toPath: "\(folder)/\(prefix)\(slice)")
        }
    }

    func drop(into folder: String) throws { try drop(files.indices, into: folder) }
}

extension TestService {
    /// Runs of a Series, the oldest first; none before it is known.
    func runs(of series: TestSeries) throws -> [RunRecord] {
        try store.series(seriesInstanceUID: series.uid).map { try store.runs(ofSeries: $0.number) } ?? []
    }

    /// Images of a Series that are stored.
    func images(of series: TestSeries) throws -> [InstanceRecord] {
        let record = try store.series(seriesInstanceUID: series.uid)
        return try record.map { try store.instances(ofSeries: $0.number).filter { $0.state == .image } } ?? []
    }
}
