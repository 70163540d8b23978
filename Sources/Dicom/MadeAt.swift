extension DataSet {
    /// When the contours of an object were made, as it says it: Structure Set Date and Time (PS3.3 C.8.8.5) or Content Date
    /// and Time (C.7.6.1), else Instance Creation Date and Time (C.12.1).
    ///
    /// - Returns: ISO 8601 in the time of the place where it was made, as DICOM has it; nil where no date is one.
    var madeAt: String? {
        let places: [(Tag, Tag)] = [
            (.structureSetDate, .structureSetTime), (.contentDate, .contentTime),
            (.instanceCreationDate, .instanceCreationTime),
        ]
        return places.lazy.compactMap { self.moment($0, $1) }.first
    }

    private func moment(_ dateTag: Tag, _ timeTag: Tag) -> String? {
        // Points and colons are those of ACR-NEMA: 2024.01.31, 12:30:00.
        let date = Array((string(dateTag) ?? "").filter { $0 != "." })
        guard date.count == 8, date.allSatisfy(\.isDigit), let month = Int(String(date[4..<6])),
            let day = Int(String(date[6..<8])), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let given = (string(timeTag) ?? "").filter { $0 != ":" }.prefix { $0.isDigit }.prefix(6)
        // Minutes and seconds may be left out.
        let time = Array(given + String(repeating: "0", count: 6 - given.count))
        func two(_ digits: [Character], _ at: Int) -> String { String(digits[at..<at + 2]) }
        return "\(String(date[0..<4]))-\(two(date, 4))-\(two(date, 6))T\(two(time, 0)):\(two(time, 2)):\(two(time, 4))"
    }
}

extension Character {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
