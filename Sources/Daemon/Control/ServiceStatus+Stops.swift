import Store

extension ServiceStatus.Stop {
    init(_ pause: PauseCause) {
        switch pause {
        case .byOperator:
            self.init(
                kind: .pausedByOperator,
                code: nil,
                reason: "An operator paused it.",
                hint: "",
                command: Self.resume,
                series: []
            )
        case .fault(let fault):
            self.init(
                kind: .pausedByFault,
                code: fault.code,
                reason: sentence(fault.message),
                hint: sentence(Self.withoutCommand(fault.hint)),
                command: Self.resume,
                series: []
            )
        }
    }

    /// Jobs of these Series wait until somebody has mended the fault.
    init(holding series: [Int64], _ fault: FaultRecord) {
        self.init(
            kind: .held,
            code: fault.code,
            reason: sentence(fault.message),
            hint: sentence(Self.withoutCommand(fault.hint)),
            // One series may be tried before all others are.
            command: series.count == 1 ? "contourctl retry \(series[0])" : Self.resume,
            series: series
        )
    }

    /// Finished results of these Series cannot be brought into the outbox, all for one reason.
    init(undelivered results: [ServiceContext.Undelivered]) {
        self.init(
            kind: .notDelivered,
            code: results[0].code,
            reason: sentence(results[0].reason),
            hint: sentence(results[0].advice),
            command: "",
            series: Set(results.map(\.series)).sorted()
        )
    }

    /// Parts of the service fail as a whole, all for one reason.
    init(failing parts: [ServiceContext.PartFailure]) {
        let names = Set(parts.map(\.part)).sorted().joined(separator: " and ")
        self.init(
            kind: .failing,
            code: parts[0].code,
            reason: sentence("\(names.prefix(1).uppercased() + names.dropFirst()) failed: \(parts[0].text)"),
            hint: "It is tried again every few seconds.",
            command: "",
            series: []
        )
    }

    /// Series arrive and wait.
    init(noModel problem: String) {
        self.init(
            kind: .noModel,
            code: "E_MODEL",
            reason: sentence(problem.prefix(1).uppercased() + problem.dropFirst()),
            hint: """
                Install the model again (contourctl models checks all), or take it out of models.names and run systemctl reload \
                contourd. It is looked at again every few seconds.
                """,
            command: "",
            series: []
        )
    }

    /// Nothing new is taken.
    init(inboxAway trouble: InboxTrouble) {
        self.init(
            kind: .inboxAway,
            code: "E_INBOX",
            reason: sentence(trouble.text.prefix(1).uppercased() + trouble.text.dropFirst()),
            hint: "\(trouble.advice) It is looked at again every few seconds.",
            command: "",
            series: []
        )
    }

    private static let resume = "contourctl resume"

    /// Hints of faults end in the command that resumes; here it has a place of its own.
    private static func withoutCommand(_ hint: String) -> String {
        guard hint.hasSuffix(resume) else { return hint }
        var words = hint.dropLast(resume.count).split(separator: " ")
        if let last = words.last, last.lowercased() == "then:" { words.removeLast() }
        return words.joined(separator: " ")
    }
}

/// With one full stop at its end, whatever it ended in.
private func sentence(_ text: String) -> String {
    let words = text.reversed().drop { $0 == " " || $0 == "." || $0 == "," || $0 == ":" }
    guard let last = words.first else { return "" }
    return String(words.reversed()) + (last == "!" || last == "?" ? "" : ".")
}
