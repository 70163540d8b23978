import Store
import Testing

@Suite("Files that are received")
struct InstanceTests {
    @Test("A file is known before it is read, and attempts at the same bytes are counted")
    func attempts() throws {
        let test = try TestStore()
        let first = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1")
        #expect(first.state == .parsing)
        #expect(first.attempts == 1)
        #expect(try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1").attempts == 2)
        #expect(try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "2").attempts == 1, "other bytes")
        #expect(try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "2").number == first.number)
        try test.store.giveBackParsing(first.number)
        #expect(try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "2").attempts == 2)
    }

    @Test("Kills of the reader are counted apart from attempts, and anew for other bytes")
    func kills() throws {
        let test = try TestStore()
        for kill in 1...3 {
            let file = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1")
            #expect(file.attempts == 1)
            #expect(try test.store.countKill(file.number) == kill)
        }
        let other = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "2")
        #expect(try test.store.countKill(other.number) == 1)
    }

    @Test("Taking is announced before the file is moved, and can be taken back")
    func takingBack() throws {
        let test = try TestStore()
        let instance = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1")
        let taking = try test.store.beginTaking(
            instance.number,
            seriesInstanceUID: "1.2",
            sopInstanceUID: "1.2.3",
            header: "{}",
            digest: "d"
        ) { "/work/\($0 ?? 0)" }
        #expect(taking.state == .taking)
        #expect(try test.store.instances(in: .taking) == [taking])
        #expect(try test.store.receivedInstance(sopInstanceUID: "1.2.3") == nil, "it is not ours yet")
        try test.store.giveBackTaking(instance.number)
        let back = try #require(try test.store.instances(in: .parsing).first)
        #expect(back.storedPath == nil && back.sopInstanceUID == nil && back.seriesNumber == nil)
        #expect(back.attempts == 1)
    }

    @Test("A file for the quarantine keeps its reason while it is moved")
    func quarantine() throws {
        let test = try TestStore()
        let instance = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1")
        let going = try test.store.beginQuarantine(
            instance.number,
            code: "E_CORRUPT",
            reason: "damaged",
            storedPath: "/quarantine/1.dcm"
        )
        #expect(going.state == .taking)
        #expect(going.code == "E_CORRUPT")
        try test.store.endInstance(instance.number, as: .quarantined, code: "E_CORRUPT", reason: "damaged")
        let there = try #require(try test.store.instances(in: .quarantined).first)
        #expect(there.storedPath == "/quarantine/1.dcm")
        #expect(there.reason == "damaged")
    }

    @Test("Files that were left are known after a restart, but not those that only lacked a permission")
    func leftFiles() throws {
        let test = try TestStore()
        for (path, code) in [("/inbox/notes", "E_NOT_DICOM"), ("/inbox/closed", "E_PERMISSION")] {
            let instance = try test.store.beginParsing(inboxPath: path, snapshot: "1")
            try test.store.endInstance(instance.number, as: .ignored, code: code, reason: "r")
        }
        #expect(try test.store.leftInInbox().map(\.inboxPath) == ["/inbox/notes"])
        try test.store.forgetLeft(["/inbox/notes", "/inbox/unknown"])
        #expect(try test.store.leftInInbox().isEmpty)
    }

    @Test("A file that was taken although it had to be left behind is not read again after a restart")
    func leftBehind() throws {
        let test = try TestStore()
        let instance = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1")
        _ = try test.store.beginTaking(
            instance.number,
            seriesInstanceUID: "1.2",
            sopInstanceUID: "1.2.3",
            header: "{}",
            digest: "d"
        ) { _ in "/work/1" }
        _ = try test.store.finishTaking(
            image: instance.number,
            leftBehind: true,
            settingAside: TestStore.settingAside
        )
        #expect(try test.store.leftInInbox().map(\.inboxPath) == ["/inbox/a"])
        try test.store.forgetLeft(["/inbox/a"])
        #expect(try test.store.leftInInbox().isEmpty)
        #expect(try test.store.receivedInstance(sopInstanceUID: "1.2.3") != nil, "the image stays ours")
    }

    @Test("A reference is found by every series that it contours")
    func references() throws {
        let test = try TestStore()
        let instance = try test.store.beginParsing(inboxPath: "/inbox/rs", snapshot: "1")
        _ = try test.store.beginTaking(
            instance.number,
            seriesInstanceUID: nil,
            sopInstanceUID: "7",
            header: "{}",
            digest: "d"
        ) { _ in "/work/references/1.dcm" }
        try test.store.finishTaking(reference: instance.number, seriesInstanceUIDs: ["1.1", "1.2", "1.1"])
        for uid in ["1.1", "1.2"] {
            #expect(try test.store.references(toSeriesInstanceUID: uid).map(\.number) == [instance.number])
        }
        #expect(try test.store.references(toSeriesInstanceUID: "1").isEmpty)
        #expect(try test.store.referencesWithoutSeries().map(\.number) == [instance.number])
        try test.addImage("1.2.0", to: "1.2")
        #expect(try test.store.referencesWithoutSeries().isEmpty)
        #expect(try test.store.receivedInstance(sopInstanceUID: "7")?.digest == "d")
    }
}
